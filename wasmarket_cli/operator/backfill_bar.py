"""A bar with rate and time left while an indexer at a terminal reads a long chain."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from indexer.progress import Progress

FAR = 200
"""Blocks behind the head from which on a bar is worth its line."""

NEAR = 5
"""Blocks behind the head at which it goes: new ones come all the time."""


class BackfillBar:
    """Shows how far the indexer is, from the first look at the chain until it has caught up."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to `console`; `clock` returns seconds."""
        self._console, self._clock = console, clock
        self._bar: Bar | None = None
        self._first = 0
        self._events = 0
        self._since = 0.0

    def show(self, now: Progress) -> None:
        """Take note of how far the indexer is: with what it serves, or with the copy beside it."""
        at = now.indexed if now.rebuilt is None else now.rebuilt
        if now.head is None or at is None:
            return
        left = now.head - at
        if self._bar is None and left >= FAR and now.is_leader:
            self._begin(at, now.events)
        elif self._bar is not None and left <= NEAR:
            self.close()
        if self._bar is not None:
            spent = max(self._clock() - self._since, 1e-9)
            rate = f"{(now.events - self._events) / spent:,.0f} events/s"
            done, total = at - self._first, now.head - self._first
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, rate=rate)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _begin(self, at: int, events: int) -> None:
        self._first, self._events, self._since = at, events, self._clock()
        self._bar = Bar(
            TextColumn("reading the chain"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("blocks, {task.fields[rate]},"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            transient=True,
        )
        self._bar.add_task("", total=None, rate="")
        self._bar.start()


@contextmanager
def backfill_bar() -> Iterator[Callable[[Progress], object] | None]:
    """Give what shows progress on a terminal, None where standard error is none."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = BackfillBar(Console(stderr=True))
    try:
        yield bar.show
    finally:
        bar.close()
