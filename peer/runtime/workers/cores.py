"""Give each worker a processor core of its own, where the machine has one for every unit.

A compute unit is a core (DESIGN section 1). On a machine with fewer cores than units nothing is
pinned: the kernel shares the cores out better than a fixed table would.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

logger = logging.getLogger(__name__)


class Pinned(Protocol):
    """What runs on a core."""

    def pin(self, cores: frozenset[int]) -> None:
        """Run on these cores only. Raises OSError."""


class Cores:
    """The cores of one peer and the workers on them. Event loop only."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        """`numbers`: the cores that this process may use; none: workers are never pinned."""
        self._all = frozenset(numbers)
        self._units = 0
        self._workers: dict[int, list[Pinned]] = {number: [] for number in sorted(self._all)}
        self._refused = ""

    @property
    def is_pinning(self) -> bool:
        """Tell whether each worker has a core of its own."""
        return 0 < self._units <= len(self._all) and not self._refused

    @property
    def state(self) -> str:
        """Return whether workers are pinned, and why not, for people to read."""
        if self.is_pinning:
            return "on"
        if not self._all:
            return "off: not wanted"
        if self._refused:
            return f"off: {self._refused}"
        return f"off: {self._units} units, {len(self._all)} cores"

    def plan(self, units: int) -> None:
        """Take how many units the peer has sold at most, and pin, or let go of, what runs."""
        if units == self._units:
            return
        before, self._units = self.is_pinning, units
        if self._all:
            logger.info("pinning of workers", extra={"state": self.state})
        if self.is_pinning != before:
            for number, workers in self._workers.items():
                for worker in workers:
                    self._pin(worker, number)

    def place(self, worker: Pinned) -> None:
        """Give a worker the core that has the fewest."""
        if self._all:
            number = min(self._workers, key=lambda core: len(self._workers[core]))
            self._workers[number].append(worker)
            if self.is_pinning:
                self._pin(worker, number)

    def release(self, worker: Pinned) -> None:
        """Take a worker's core back; one that shares its own (during an update) moves there."""
        for number, workers in self._workers.items():
            if worker in workers:
                workers.remove(worker)
                crowded = max(self._workers.values(), key=len)
                if len(crowded) > len(workers) + 1:
                    moved = crowded.pop()
                    workers.append(moved)
                    if self.is_pinning:
                        self._pin(moved, number)
                return

    def _pin(self, worker: Pinned, number: int) -> None:
        try:
            worker.pin(frozenset((number,)) if self.is_pinning else self._all)
        except ProcessLookupError:
            # It has ended; whoever watches it releases its core.
            return
        except OSError as error:
            self._refused = f"the system refuses it: {error.strerror}"
            logger.warning("workers are not pinned", extra={"why": self._refused})


def pin_process(pid: int, cores: frozenset[int]) -> None:
    """Keep a process with all of its threads on these cores.

    Raises OSError; ProcessLookupError when it has ended.
    """
    for thread in _list_threads(pid):
        os.sched_setaffinity(thread, cores)


@dataclass(frozen=True, slots=True)
class Rank:
    """How much of the machine a process gets while others want it.

    In the background it has only what no other wants: whoever else wakes up is let on at once.
    Otherwise `nice` (0 to 19) counts, as of any process.
    """

    is_background: bool = False
    nice: int = 0

    def give(self, pid: int) -> None:
        """Give it to a process with all of its threads.

        Raises OSError; ProcessLookupError when it has ended.
        """
        if self == Rank():
            return
        for thread in _list_threads(pid):
            if self.is_background:
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
            else:
                os.setpriority(os.PRIO_PROCESS, thread, self.nice)


def _list_threads(pid: int) -> list[int]:
    try:
        return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error
