"""The chain's time, asked for when it may matter: before money moves, when an epoch may have begun,
and every so often."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Timestamp

MOST_SECONDS: Final = 60
EPOCH_PARTS: Final = 60
"""A reading is good for this part of an epoch, and for MOST_SECONDS at most."""


@dataclass(frozen=True, slots=True)
class Now:
    """A reading of the chain's time, and its epoch."""

    timestamp: int
    epoch: int


class KeeperClock:
    """Remembers its last reading; several threads may use it."""

    def __init__(
        self,
        read_time: Callable[[], int],
        deployment: Deployment,
        count_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read_time` asks the chain; `count_seconds` tells how long ago that was."""
        self._read_time = read_time
        self._deployment = deployment
        self._count_seconds = count_seconds
        self._good_for = min(MOST_SECONDS, deployment.parameters.epoch_seconds / EPOCH_PARTS)
        self._last: tuple[Now, float] | None = None

    def look(self) -> Now:
        """Return the last reading while no epoch can have begun since. Raises as `refresh`.

        A chain that lets time pass faster than we do is found out at the next reading.
        """
        if self._last is None:
            return self.refresh()
        now, read_at = self._last
        passed = self._count_seconds() - read_at
        left = self._deployment.start_of(self._deployment.epoch_of(Timestamp(now.timestamp)) + 1)
        if 0 <= passed < min(self._good_for, left - now.timestamp):
            return now
        return self.refresh()

    def refresh(self) -> Now:
        """Ask the chain. Raises Unreachable."""
        read_at = self._count_seconds()
        timestamp = self._read_time()
        now = Now(timestamp, int(self._deployment.epoch_of(Timestamp(timestamp))))
        self._last = now, read_at
        return now
