"""Make the call of a firing: a function of a service, or a flow.

A thousand firings may fall into one second. So the first try of a call is made by whoever finds
that its time has come, and its answer taken where it arrives: only what waits has a task.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

from peer.hosting.served_assignment import CallRequest, Deliver, Recorded, ServedAssignment
from peer.hosting.versions import Version
from peer.runtime.module.service import BodyKind
from peer.triggers.firings import Firing, FiringState, TriggerRecord
from peer.triggers.schedule import find_jitter
from wasmarket.kernel.documents.triggers import CLOCKED, add_argument
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.kernel.units import Timestamp

logger = logging.getLogger(__name__)

FIRST_RETRY: Final = 1.0
LONGEST_RETRY: Final = 60.0

RunFlow = Callable[[int, str, bytes, str], Awaitable[str]]
"""Runs a flow of a deal by name with JSON arguments, once for each key; returns the number of its
receipt. Raises MarketError."""


class Pausing(Protocol):
    """Which triggers of a deal are paused."""

    def has(self, key: str) -> bool:
        """Say whether a trigger is."""


class TriggeredDeal(Protocol):
    """What triggers need of a deal."""

    @property
    def deal(self) -> Any:
        """What the chain says of it: `id`, `developer`, `endpoints`."""

    @property
    def version(self) -> Version | None:
        """The version that serves."""

    @property
    def pauses(self) -> Pausing:
        """What its developer has paused."""

    def pick(self) -> ServedAssignment:
        """Return the run that takes the next call. Raises MarketError."""

    def submit(self, run: ServedAssignment, request: CallRequest, deliver: Deliver) -> None:
        """Run a call on `run`, and write its receipt."""


async def run_no_flow(deal: int, name: str, body: bytes, key: str) -> str:
    """Be the flows of a peer that runs no scripts. Raises NotFound."""
    raise NotFound(f"this peer runs no scripts, so not the flow {name}")


class TriggerCalls:
    """Makes calls as the developer, and again where they fail. Event loop only."""

    def __init__(
        self,
        now: Callable[[], Timestamp],
        read_clock: Callable[[], float],
        peer: Callable[[], int],
        run_flow: RunFlow,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """`now` is the chain's time, `read_clock` that by which firings are due, `peer` this peer's
        number."""
        self.now = now
        self.read_clock = read_clock
        self.peer = peer
        self.run_flow = run_flow
        self.sleep = sleep
        self.tasks: set[asyncio.Task[None]] = set()
        """What waits: for a turn, for a flow, or for the next try."""
        self._is_closing = False

    async def make(
        self,
        hosted: TriggeredDeal,
        record: TriggerRecord,
        made: Firing,
        run: ServedAssignment | None = None,
    ) -> None:
        """Call until it is answered or all tries are used up; `run`: which is to be called."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end() -> None:
            if not over.done():
                over.set_result(None)

        FiringCall(self, hosted, record, made, end, run).begin()
        await over

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something wait; what is closed waits for nothing."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        if self._is_closing:
            task.cancel()
        return task

    async def close(self) -> None:
        """End what waits."""
        self._is_closing = True
        tasks = tuple(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class FiringCall:
    """The call of one firing, from its first try to its end."""

    __slots__ = ("_calls", "_hosted", "_made", "_over", "_pause", "_record", "_run", "_tries_left")

    def __init__(
        self,
        calls: TriggerCalls,
        hosted: TriggeredDeal,
        record: TriggerRecord,
        made: Firing,
        over: Callable[[], None],
        run: ServedAssignment | None = None,
    ) -> None:
        """`over` is called once, when the record says how it ended."""
        self._calls = calls
        self._hosted = hosted
        self._record = record
        self._made = made
        self._over = over
        self._run = run
        self._tries_left = record.trigger.retries
        self._pause = FIRST_RETRY

    def begin(self) -> None:
        """Make the first try; raises nothing."""
        self._made.state = FiringState.RUNNING
        self._try()

    def _try(self) -> None:
        if self._record.trigger.flow:
            self._note_lateness(0.0)
            self._spawn(self._run_flow())
            return
        try:
            self._submit()
        except MarketError as error:
            self._end_try(error.detail)
        except Exception as error:
            # NOTE: others begin in the same moment; they must still be made.
            self._end_badly(error)

    def _submit(self) -> None:
        calls, hosted, record = self._calls, self._hosted, self._record
        trigger = record.trigger
        run = self._run or hosted.pick()
        parameters = {
            "init_peer_id": "",
            "service_id": trigger.service,
            "service_creator_peer_id": hosted.deal.developer,
            "host_id": str(calls.peer()),
            "worker_id": str(run.assignment),
            "particle_id": self._name(),
        }
        request = CallRequest(
            trigger.service,
            trigger.function,
            self._write_body(),
            BodyKind.JSON,
            calls.now(),
            parameters,
        )
        hosted.submit(run, request, self._take)

    def _name(self) -> str:
        """Return what a function knows a call by that came before: the same on every peer and
        try."""
        return f"{self._record.key}:{self._made.id}"

    def _write_body(self) -> bytes:
        body, argument = self._record.trigger.arguments, self._made.argument
        return body if argument is None else add_argument(body, argument)

    def _take(self, outcome: Recorded | Exception) -> None:
        """Take how a try ended."""
        if isinstance(outcome, Exception):
            self._end_try(str(outcome) or repr(outcome))
            return
        if outcome.given_at:
            self._note_lateness(time.monotonic() - outcome.given_at)
        self._made.receipt = f"{outcome.chain.assignment}:{outcome.head.sequence}"
        self._end_try("" if outcome.fault is None else outcome.fault.detail)

    def _note_lateness(self, since: float) -> None:
        """Note how late a clock's firing was `since` seconds ago, when its first try began."""
        trigger, made = self._record.trigger, self._made
        if trigger.kind in CLOCKED and self._tries_left == trigger.retries:
            late = self._calls.read_clock() - since - made.id - find_jitter(trigger, made.id)
            made.late_ms = max(0, int(late * 1_000))

    async def _run_flow(self) -> None:
        trigger = self._record.trigger
        try:
            self._made.receipt = await self._calls.run_flow(
                self._hosted.deal.id, trigger.flow, self._write_body(), self._name()
            )
        except MarketError as error:
            self._end_try(error.detail)
        else:
            self._end_try("")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._calls.spawn(work).add_done_callback(self._end_wait)

    def _end_wait(self, task: asyncio.Task[None]) -> None:
        """End the call if what it waited for did not go on."""
        if task.cancelled():
            self._end(FiringState.FAILED, "the peer has ended")
        elif (error := task.exception()) is not None:
            self._end_badly(error)

    def _end_try(self, problem: str) -> None:
        if not problem:
            self._end(FiringState.ANSWERED)
        elif self._tries_left:
            self._spawn(self._try_again())
        else:
            self._end(FiringState.FAILED, problem)

    def _end_badly(self, error: BaseException) -> None:
        logger.error("a firing failed unexpectedly", exc_info=error)
        self._end(FiringState.FAILED, "the peer failed unexpectedly")

    def _end(self, state: FiringState, detail: str = "") -> None:
        self._record.end(self._made, state, detail)
        self._over()

    async def _try_again(self) -> None:
        self._tries_left -= 1
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_RETRY)
        await self._calls.sleep(pause)
        self._try()
