"""The one loop of every daemon: take turns, go on after any error, and say how it goes.

`ThreadLoop` runs a blocking step in a thread, `TaskLoop` a coroutine on the event loop; both are
the same `Loop` inside. `Loops` starts, ends, counts and reports the loops of one process.
"""

import asyncio
import errno
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wasmarket.kernel.errors import MarketError

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.5
"""Seconds after the first failed turn; doubles with each further one."""
LONGEST_PAUSE: Final = 15.0
STALL_SECONDS: Final = 900.0
"""Age of a heartbeat within a turn from which on the loop is reported as stuck."""

Interval = float | None | Callable[[], float | None]
"""Seconds from one turn to the next; None: until it is woken."""


def explain(error: BaseException) -> str:
    """Return what to tell an operator about a failed turn."""
    if isinstance(error, MarketError):
        return error.detail
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" ({error.filename})" if error.filename else ""
        return f"the disk is full{place}: make room on it; nothing else needs to be done"
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    return f"failed unexpectedly ({type(error).__name__}: {error}); the log has the traceback"


@dataclass(frozen=True, slots=True)
class Pace:
    """When a loop takes its turns.

    A wake does not cut the pause after a failure short: who can wake a loop would else choose how
    often it fails.
    """

    interval: Interval
    gather: float = 0.0
    """Seconds to wait after a wake, so that several make one turn."""
    waits_first: bool = False
    """Whether the first turn is an interval after the start."""
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE
    stall_seconds: float = STALL_SECONDS

    def after_failures(self, count: int) -> float:
        """Return the pause after so many failed turns in a row."""
        return min(self.first_pause * 2.0 ** min(count - 1, 30), self.longest_pause)

    def after_success(self) -> float | None:
        """Return the pause after a turn that went well; None: until woken."""
        return self.interval() if callable(self.interval) else self.interval


class Loop(ABC):
    """What both forms share: when the next turn is, what went wrong, when it last gave a sign."""

    def __init__(self, name: str, pace: Pace, explain: Callable[[BaseException], str]) -> None:
        """`explain` turns the error of a failed turn into what operators read."""
        self.name = name
        self.turns: Counter[str] = Counter()
        self._pace = pace
        self._explain = explain
        self._failed_in_a_row = 0
        self._problem = ""
        self._is_in_turn = False
        self._has_ended = False
        self._is_stopping = False
        self._heartbeat = time.monotonic()

    @abstractmethod
    def start(self) -> None:
        """Begin to take turns."""

    @abstractmethod
    def wake(self) -> None:
        """Have the next turn now; from any thread."""

    @abstractmethod
    def ask_to_stop(self) -> None:
        """End after this turn; does not wait for it."""

    def beat(self) -> None:
        """Say, within a long turn, that it gets on."""
        self._heartbeat = time.monotonic()

    @property
    def problem(self) -> str:
        """Why the loop does not do its work now; empty if it does."""
        if self._has_ended and not self._is_stopping:
            return f"{self.name}: has ended; restart the process"
        silent = self.silent_seconds
        if self._is_in_turn and silent > self._pace.stall_seconds:
            return f"{self.name}: stuck for {silent:.0f} s"
        if self._problem:
            return f"{self.name}: {self._problem}"
        if not self.turns["ok"] and not self._pace.waits_first:
            return f"{self.name}: its first turn is not over yet"
        return ""

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last heartbeat."""
        return time.monotonic() - self._heartbeat

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._is_stopping

    def _begin(self) -> None:
        self._is_in_turn = True
        self.beat()

    def _succeed(self) -> None:
        self._is_in_turn = False
        self.beat()
        self.turns["ok"] += 1
        if self._failed_in_a_row:
            logger.info("works again", extra={"loop": self.name})
        self._failed_in_a_row, self._problem = 0, ""

    def _fail(self, error: BaseException) -> None:
        self._is_in_turn = False
        self.beat()
        self._failed_in_a_row += 1
        is_foreseen = isinstance(error, (MarketError, OSError))
        self.turns["failed" if is_foreseen else "bug"] += 1
        problem = self._explain(error)
        if not is_foreseen:
            logger.error("a turn failed unexpectedly", extra={"loop": self.name}, exc_info=error)
        elif problem != self._problem:
            logger.warning("a turn failed", extra={"loop": self.name, "why": problem})
        self._problem = problem


class ThreadLoop(Loop):
    """A loop whose step blocks; it has a thread of its own."""

    def __init__(
        self,
        name: str,
        step: Callable[[], object],
        pace: Pace,
        *,
        on_end: Callable[[], object] = lambda: None,
        explain: Callable[[BaseException], str] = explain,
    ) -> None:
        """`on_end` is called in the thread when it was asked to stop, after the last turn."""
        super().__init__(name, pace, explain)
        self._step = step
        self._on_end = on_end
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next turn now."""
        self._woken.set()

    def ask_to_stop(self) -> None:
        """End after this turn."""
        self._is_stopping = True
        self._stop.set()
        self._woken.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the thread has ended, at most so long."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def run(self) -> None:
        """Take turns until asked to stop, in the calling thread."""
        try:
            if self._pace.waits_first:
                self._wait()
            while not self._stop.is_set():
                self.take_turn()
                self._wait()
            try:
                self._on_end()
            except Exception as error:
                self._fail(error)
        finally:
            self._has_ended = True

    def take_turn(self) -> None:
        """Take one turn in the calling thread; what goes wrong is kept, not raised."""
        self._begin()
        try:
            self._step()
        except Exception as error:
            self._fail(error)
        else:
            self._succeed()

    def _wait(self) -> None:
        pace, failed = self._pace, self._failed_in_a_row
        if failed:
            self._stop.wait(pace.after_failures(failed))
            self._woken.clear()
            return
        if self._woken.wait(pace.after_success()) and pace.gather:
            self._stop.wait(pace.gather)
        self._woken.clear()


class TaskLoop(Loop):
    """A loop whose step is a coroutine; it is a task of the event loop that starts it."""

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        pace: Pace,
        *,
        explain: Callable[[BaseException], str] = explain,
    ) -> None:
        super().__init__(name, pace, explain)
        self._step = step
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._events: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the task; on the event loop."""
        self._events = asyncio.get_running_loop()
        self._task = self._events.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Have the next turn now; from any thread, and before the start too."""
        if self._events is None:
            self._woken.set()
            return
        # A wake that comes after the event loop has ended has nobody to wake.
        with suppress(RuntimeError):
            self._events.call_soon_threadsafe(self._woken.set)

    def ask_to_stop(self) -> None:
        """End now, also within a turn; on the event loop."""
        self._is_stopping = True
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """End now, and wait until it has; on the event loop."""
        self.ask_to_stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            if self._pace.waits_first:
                await self._wait()
            while not self._is_stopping:
                await self.take_turn()
                await self._wait()
        finally:
            self._has_ended = True

    async def take_turn(self) -> None:
        """Take one turn; what goes wrong is kept, not raised."""
        self._begin()
        try:
            await self._step()
        except asyncio.CancelledError as error:
            # Something that the step waited for was cancelled: that is no order to end.
            if self._is_stopping or (task := asyncio.current_task()) is None or task.cancelling():
                raise
            self._fail(error)
        except Exception as error:
            self._fail(error)
        else:
            self._succeed()

    async def _wait(self) -> None:
        pace, failed = self._pace, self._failed_in_a_row
        if failed:
            await asyncio.sleep(pace.after_failures(failed))
            self._woken.clear()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pace.after_success()):
                await self._woken.wait()
        if self._woken.is_set() and pace.gather:
            await asyncio.sleep(pace.gather)
        self._woken.clear()


class Loops(Collector):
    """The loops of one process: started and ended together, counted for Prometheus."""

    def __init__(self, *loops: Loop) -> None:
        self._loops = list(loops)

    def add(self, loop: Loop) -> None:
        """Take one more, before the start."""
        self._loops.append(loop)

    def keep(self, names: Collection[str]) -> None:
        """Let go of all with other names, before the start."""
        self._loops = [loop for loop in self._loops if loop.name in names]

    def __iter__(self) -> Iterator[Loop]:
        return iter(self._loops)

    def start(self) -> None:
        """Start all; on the event loop if there are tasks among them."""
        for loop in self._loops:
            loop.start()

    def ask_to_stop(self) -> None:
        """Let each end after its turn, tasks at once."""
        for loop in self._loops:
            loop.ask_to_stop()

    def stop(self, seconds: float | None = None) -> None:
        """End the threads and wait for them, so long for each."""
        self.ask_to_stop()
        for loop in self._loops:
            if isinstance(loop, ThreadLoop):
                loop.join(seconds)

    async def close(self) -> None:
        """End all and wait for them; on the event loop."""
        self.ask_to_stop()
        for loop in self._loops:
            if isinstance(loop, ThreadLoop):
                await asyncio.to_thread(loop.join)
            elif isinstance(loop, TaskLoop):
                await loop.close()

    def problems(self) -> list[str]:
        """Return why the process is not ready, one line a loop."""
        return [problem for loop in self._loops if (problem := loop.problem)]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now (prometheus_client calls this)."""
        turns = CounterMetricFamily(
            "wasmarket_loop_turns",
            "Turns of the process's loops: ok, failed as foreseen, or failed by a bug",
            labels=["loop", "outcome"],
        )
        silent = GaugeMetricFamily(
            "wasmarket_loop_silent_seconds",
            "Seconds since a loop's last heartbeat",
            labels=["loop"],
        )
        for loop in self._loops:
            for outcome in ("ok", "failed", "bug"):
                turns.add_metric([loop.name, outcome], loop.turns[outcome])
            silent.add_metric([loop.name], loop.silent_seconds)
        yield turns
        yield silent
