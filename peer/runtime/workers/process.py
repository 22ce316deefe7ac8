"""The supervisor's end of one worker process: start it, send calls, notice that it died."""

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

import msgspec

from peer.runtime.effectors.effects import CallBudget, Effects
from peer.runtime.errors import (
    EffectorRefused,
    GuestTimeout,
    GuestTrap,
    ModuleError,
    StartFailed,
)
from peer.runtime.messages import (
    FROM_WORKER,
    LENGTH_BYTES,
    Answer,
    FromWorker,
    GaveBack,
    HostCall,
    Ready,
    Setup,
    SetupFailed,
    encode_frame,
    split_frames,
)
from peer.runtime.workers.cores import Rank, pin_process
from peer.runtime.workers.shared_page import PageReader, make_page
from peer.runtime.workers.spawner import Child, WorkerSpawner
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.reasons import LeaveReason

logger = logging.getLogger(__name__)

SETUP_ERRORS: Final = {
    LeaveReason.EFFECTOR: EffectorRefused,
    LeaveReason.FAILED_TO_START: StartFailed,
}
# A worker is given as many calls at once as it does in about this time, if its calls are short.
AHEAD_US: Final = 2_000
SHORT_US: Final = 1_000
MAX_AHEAD: Final = 32
WEIGHT: Final = 0.2


class WorkerLost(Exception):
    """The worker ended before it was ready."""


Outcome = Answer | MarketError
"""How a call ended: a worker's answer, the fault of a lost worker, or why no worker had it."""


class Ticket:
    """A call that is to be run: its frame, its time, and who is told how it ended."""

    __slots__ = ("call_ms", "done", "frame", "given_at", "is_forsaken", "seconds", "timer", "tries")

    def __init__(
        self, frame: bytes, call_ms: int, grace: float, done: Callable[[Outcome], None]
    ) -> None:
        """A worker that runs it `grace` seconds longer than its `call_ms` is killed.

        `done` is called once, in the event loop; it must not raise.
        """
        self.frame = frame
        self.call_ms = call_ms
        self.seconds = call_ms / 1_000 + grace
        self.done = done
        self.is_forsaken = False
        self.tries = 0
        self.given_at = 0.0
        """When a worker was given it last, on the monotonic clock."""
        self.timer: asyncio.TimerHandle | None = None

    def fail(self, *, timed_out: bool) -> None:
        """Say that the worker ended while it ran the call."""
        if timed_out:
            detail = f"the call took more than its {self.call_ms} ms and did not yield"
            self.done(GuestTimeout(detail, duration_us=int(self.seconds * 1_000_000)))
        else:
            self.done(GuestTrap("the worker process ended while it ran this call"))


class Owner(Protocol):
    """Whoever gives calls to workers."""

    def feed(self, worker: "WorkerProcess") -> None:
        """Give the worker more to do, since it has answered."""

    def take_back(self, worker: "WorkerProcess", tickets: list[Ticket]) -> None:
        """Give calls that a lost or slow worker never began to another."""


class WorkerProcess(asyncio.Protocol):
    """A live worker. It runs one call at a time, and may have a few more before it."""

    def __init__(self, owner: Owner, effects: Effects | None = None) -> None:
        """`effects` does what the guests ask of effectors."""
        self._owner = owner
        self._effects = effects
        self._effect: asyncio.Task[None] | None = None
        self._budget: CallBudget | None = None
        self._child: Child | None = None
        self._transport: asyncio.Transport | None = None
        self._page: PageReader | None = None
        self._received = bytearray()
        self._setup: asyncio.Future[FromWorker] | None = None
        self._pending: deque[Ticket] = deque()
        self._unsent: list[Ticket] = []
        self._answered = 0
        self._mean_us = float(SHORT_US)
        # The call that runs is slow: what was behind it has been given back.
        self._is_slow = False
        self._timer: asyncio.TimerHandle | None = None
        self._killed_at = 0.0
        self._timed_out = False
        self._loop = asyncio.get_running_loop()
        self.idle_since = self._loop.time()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def start(
        cls,
        setup: Setup,
        owner: Owner,
        spawner: WorkerSpawner,
        seconds: float,
        effects: Effects | None = None,
        rank: Rank | None = None,
    ) -> "WorkerProcess":
        """Return a worker that hosts `setup`; raise `ModuleError` when it cannot in time.

        It has its `rank` before it loads anything.
        """
        worker = cls(owner, effects)
        try:
            await worker._spawn(spawner)
            _try_rank(rank or Rank(), worker.pid)
            worker._check_setup(await worker._send_setup(setup, seconds))
        except WorkerLost as lost:
            await worker.stop()
            raise StartFailed(f"the worker did not come up: {lost}") from lost
        except BaseException:
            await worker.stop()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._child is not None
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Tell whether its socket is still open, as far as is known."""
        return not self.lost.done()

    @property
    def load(self) -> int:
        """Return how many calls it has and has not answered."""
        return len(self._pending)

    @property
    def has_room(self) -> bool:
        """Tell whether it may be given another call: several only while its calls are short."""
        waiting = len(self._pending)
        if not waiting:
            return True
        if self._mean_us >= SHORT_US or self._is_slow:
            return False
        return waiting < MAX_AHEAD and waiting * self._mean_us < AHEAD_US

    def submit(self, ticket: Ticket) -> None:
        """Give it a call, with all others that come in this turn of the event loop."""
        ticket.tries += 1
        if not self._pending:
            self._watch(ticket)
        self._pending.append(ticket)
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(ticket)

    def _send(self) -> None:
        tickets, self._unsent = self._unsent, []
        now = time.monotonic()
        for ticket in tickets:
            ticket.given_at = now
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join([ticket.frame for ticket in tickets]))

    def pin(self, cores: frozenset[int]) -> None:
        """Run on these cores only. Raises OSError."""
        pin_process(self.pid, cores)

    def kill(self) -> None:
        """End the process at once."""
        if self._child is not None:
            self._child.kill()

    async def stop(self) -> None:
        """End the process and wait until it has gone."""
        if self._transport is not None:
            self._transport.abort()
        self.kill()
        if self._child is not None:
            await self._child.wait()
        if self._transport is not None:
            await self.lost

    async def _spawn(self, spawner: WorkerSpawner) -> None:
        page = make_page()
        ours, theirs = socket.socketpair()
        try:
            self._page = PageReader(page)
            self._child = await spawner.spawn(theirs, page)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(page)
        await self._loop.create_unix_connection(lambda: self, sock=ours)

    async def _send_setup(self, setup: Setup, seconds: float) -> FromWorker:
        if self._transport is None or self._transport.is_closing():
            raise WorkerLost("it had ended")
        self._setup = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._give_up)
        self._transport.write(encode_frame(setup))
        try:
            return await self._setup
        finally:
            timer.cancel()
            self._setup = None

    def _check_setup(self, reply: FromWorker) -> None:
        if isinstance(reply, SetupFailed):
            raise SETUP_ERRORS.get(LeaveReason(reply.reason), ModuleError)(reply.detail)
        if not isinstance(reply, Ready):
            raise StartFailed("the worker answered its setup with something else")

    def _watch(self, running: Ticket) -> None:
        """Give the call that runs from now on its time."""
        self._killed_at = self._loop.time() + running.seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._killed_at, self._look)

    def _look(self) -> None:
        """Kill the worker if its call's time is over, else look again when it would be."""
        self._timer = None
        if not self._pending:
            return
        if self._loop.time() < self._killed_at:
            self._timer = self._loop.call_at(self._killed_at, self._look)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._timed_out = True
        self.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio calls this)."""
        # uvloop's transports are asyncio's in all but their class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what is whole and hand it to whoever waits (asyncio calls this)."""
        self._received += data
        has_answers = False
        for payload in split_frames(self._received):
            try:
                message = FROM_WORKER.decode(payload)
            except msgspec.MsgspecError:
                self.kill()
                return
            if type(message) is Answer and self._pending:
                self._settle(message)
                has_answers = True
            elif isinstance(message, HostCall):
                self._take_host_call(message, LENGTH_BYTES + len(payload))
            elif isinstance(message, GaveBack):
                self._take_back(message)
            elif self._setup is not None and not self._setup.done():
                self._setup.set_result(message)
            else:
                self.kill()
        if has_answers:
            if self._pending:
                self._watch(self._pending[0])
            else:
                self.idle_since = self._loop.time()
            self._owner.feed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the call that ran; give back those that did not begin (asyncio calls this)."""
        if self._effect is not None:
            self._effect.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._page is not None:
            self._settle_page(self._page)
        if self._setup is not None and not self._setup.done():
            cause = "it took too long" if self._timed_out else "its process ended"
            self._setup.set_exception(WorkerLost(cause))
        self.lost.set_result(None)
        tickets, self._pending = list(self._pending), deque()
        self._owner.take_back(self, [ticket for ticket in tickets if not ticket.is_forsaken])

    def _settle_page(self, page: PageReader) -> None:
        """Hand out the answers that were not sent any more; fail the call that was running."""
        for payload in page.read_left(self._answered):
            message = FROM_WORKER.decode(payload)
            if isinstance(message, Answer) and self._pending:
                self._settle(message)
        if page.begun > self._answered and self._pending:
            self._pending.popleft().fail(timed_out=self._timed_out)
        page.close()

    def _settle(self, answer: Answer) -> None:
        """Hand an answer to the call that has waited longest."""
        ticket = self._pending.popleft()
        self._answered += 1
        self._budget = None
        self._is_slow = False
        took = answer.duration_us
        # A long call counts at once: what waits behind it waits for all of it.
        self._mean_us = took if took > SHORT_US else self._mean_us + (took - self._mean_us) * WEIGHT
        ticket.done(answer)

    def _take_back(self, given: GaveBack) -> None:
        """Let calls that wait behind a slow one go to another worker."""
        tickets = list(self._pending)
        first = given.begun - self._answered
        end = first + given.count
        if first < 0 or end > len(tickets):
            self.kill()
            return
        self._is_slow = True
        self._pending = deque(tickets[:first] + tickets[end:])
        back = [ticket for ticket in tickets[first:end] if not ticket.is_forsaken]
        for ticket in back:
            # That was no try.
            ticket.tries -= 1
        self._owner.take_back(self, back)

    def _take_host_call(self, call: HostCall, size: int) -> None:
        """Do what the guest asks beside everything else; one at a time, and only during a call."""
        if self._effects is None or not self._pending or self._effect is not None:
            self.kill()
            return
        if self._budget is None:
            # What was answered before it is settled: the first that waits is the one that asks.
            self._watch(self._pending[0])
            self._budget = self._effects.open_budget(self._killed_at)
        self._effect = asyncio.ensure_future(self._do_effect(self._effects, call, size))

    async def _do_effect(self, effects: Effects, call: HostCall, size: int) -> None:
        assert self._budget is not None
        answer = await effects.answer(call, size, self._budget)
        self._effect = None
        if answer is None:
            self.kill()
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_frame(answer))


def _try_rank(rank: Rank, pid: int) -> None:
    try:
        rank.give(pid)
    except ProcessLookupError:
        # Its setup will say so.
        return
    except OSError as error:
        logger.warning("a worker has the rank of all others", extra={"why": error.strerror})
