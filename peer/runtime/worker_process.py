"""The supervisor's end of one worker process: start it, send a call, notice that it died."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import peer
from kernel.reasons import LeaveReason
from peer.runtime.effectors.effects import CallBudget, Effects
from peer.runtime.errors import EffectorRefused, ModuleError, StartFailed
from peer.runtime.messages import (
    FROM_WORKER,
    LENGTH_BYTES,
    Answer,
    Call,
    FromWorker,
    HostCall,
    Ready,
    Setup,
    SetupFailed,
    encode_frame,
)

ROOT: Final = Path(peer.__file__).resolve().parents[1]
SETUP_ERRORS: Final = {
    LeaveReason.EFFECTOR: EffectorRefused,
    LeaveReason.FAILED_TO_START: StartFailed,
}


class WorkerLost(Exception):
    """The worker ended before it answered; `had_started` tells whether the call may have run."""

    def __init__(self, cause: str, *, had_started: bool, timed_out: bool) -> None:
        super().__init__(cause)
        self.had_started = had_started
        self.timed_out = timed_out


class WorkerProcess(asyncio.Protocol):
    """A live worker with at most one message under way."""

    def __init__(
        self, on_free: Callable[["WorkerProcess"], None], effects: Effects | None = None
    ) -> None:
        """`on_free` is called after each answer, also when nobody waits for it any more.

        `effects` does what the guests ask of effectors.
        """
        self._on_free = on_free
        self._effects = effects
        self._effect: asyncio.Task[None] | None = None
        self._budget: CallBudget | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._pending: asyncio.Future[FromWorker] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timed_out = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(
        cls,
        setup: Setup,
        on_free: Callable[["WorkerProcess"], None],
        seconds: float,
        effects: Effects | None = None,
    ) -> "WorkerProcess":
        """Return a worker that hosts `setup`; raise `ModuleError` when it cannot in time."""
        worker = cls(on_free, effects)
        try:
            await worker._spawn()
            reply = await worker._send(encode_frame(setup), seconds)
            _check_setup(reply)
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
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Tell whether its socket is still open, as far as is known."""
        return not self.lost.done()

    async def call(self, call: Call, seconds: float) -> Answer:
        """Run a call; after `seconds` the process is killed. Raise `WorkerLost` when it dies."""
        reply = await self._send(encode_frame(call), seconds)
        if not isinstance(reply, Answer):
            self.kill()
            raise WorkerLost("it answered out of turn", had_started=True, timed_out=False)
        return reply

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    async def stop(self) -> None:
        """End the process and wait until it has gone."""
        if self._transport is not None:
            self._transport.abort()
        self.kill()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
        if self._transport is not None:
            await self.lost

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            # NOTE: a new program, not a fork: nothing of the supervisor's memory (its keys) and
            # nothing of its environment gets into the worker.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "peer.runtime.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            )
        finally:
            theirs.close()
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=ours)

    async def _send(self, frame: bytes, seconds: float) -> FromWorker:
        if self._transport is None or self._transport.is_closing():
            raise WorkerLost("it had ended", had_started=False, timed_out=False)
        loop = asyncio.get_running_loop()
        self._pending = loop.create_future()
        self._timer = loop.call_later(seconds, self._give_up)
        self._transport.write(frame)
        return await self._pending

    def _give_up(self) -> None:
        self._timed_out = True
        self.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio calls this)."""
        # uvloop's transports are asyncio's in all but their class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect a frame and hand it to whoever waits (asyncio calls this)."""
        self._received += data
        if len(self._received) < LENGTH_BYTES:
            return
        end = LENGTH_BYTES + int.from_bytes(self._received[:LENGTH_BYTES], "big")
        if len(self._received) < end:
            return
        message = FROM_WORKER.decode(memoryview(self._received)[LENGTH_BYTES:end])
        self._received = self._received[end:]
        if isinstance(message, HostCall):
            self._take_host_call(message, end)
            return
        pending = self._settle()
        if pending is not None and not pending.done():
            pending.set_result(message)
        self._on_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the call under way (asyncio calls this)."""
        if self._effect is not None:
            self._effect.cancel()
        pending = self._settle()
        if not self.lost.done():
            self.lost.set_result(None)
        if pending is not None and not pending.done():
            # NOTE: a reset or a broken pipe means that the worker died with our message unread;
            # an orderly end of file means that it had taken it.
            had_started = not isinstance(exc, ConnectionResetError | BrokenPipeError)
            cause = "it took too long" if self._timed_out else "its process ended"
            pending.set_exception(
                WorkerLost(cause, had_started=had_started, timed_out=self._timed_out)
            )

    def _settle(self) -> asyncio.Future[FromWorker] | None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending, self._pending = self._pending, None
        self._budget = None
        return pending

    def _take_host_call(self, call: HostCall, size: int) -> None:
        """Do what the guest asks beside everything else; one at a time, and only during a call."""
        if self._effects is None or self._timer is None or self._effect is not None:
            self.kill()
            return
        if self._budget is None:
            self._budget = self._effects.open_budget(self._timer.when())
        self._effect = asyncio.ensure_future(self._do_effect(self._effects, call, size))

    async def _do_effect(self, effects: Effects, call: HostCall, size: int) -> None:
        assert self._budget is not None
        answer = await effects.answer(call, size, self._budget)
        self._effect = None
        if answer is None:
            self.kill()
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_frame(answer))


def _check_setup(reply: FromWorker) -> None:
    if isinstance(reply, SetupFailed):
        raise SETUP_ERRORS.get(LeaveReason(reply.reason), ModuleError)(reply.detail)
    if not isinstance(reply, Ready):
        raise StartFailed("the worker answered its setup with something else")
