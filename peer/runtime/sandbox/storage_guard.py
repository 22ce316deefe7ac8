"""Bound what the guests of a worker keep in /storage: bytes, names, and what is left of the disk.

The engine's WASI knows no quota, and a process without privileges can set none. What the kernel
lets every process do is to forbid itself to let a file grow: while a deal is over its bytes, or
the disk is nearly full, writes to files fail and the services still run, read and delete. Names
cannot be forbidden: a worker whose guest makes too many ends.
"""

import os
import resource
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from peer.runtime.sandbox.folder_walk import FOLDER, Unsteady, Usage, measure

LOOK_SECONDS: Final = 5.0
"""Age of a measurement from which on a call is preceded by another."""
TICK_SECONDS: Final = 0.5
"""The same within a call."""
WALK_SHARE: Final = 20
"""Measuring takes at most one part in so many of the time."""
MOST_UNSTEADY: Final = 5
HARD: Final = 2
"""So many times the names allowed, and no worker starts any more."""
SLACK: Final = 256
"""Most names that a call may add though there are too many: a service renames to clean up."""


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """What all services of a deal may keep on a peer, and the bytes of the disk left to others."""

    bytes: int = 1 << 30
    names: int = 65_536
    reserve: int = 256 << 20

    @property
    def slack(self) -> int:
        """Names that a call may add though there are too many, far from where nothing starts."""
        return min(SLACK, self.names // 4)

    def within(self, size: int | None, names: int | None) -> "StorageLimits":
        """Return the limits of an app that asks for no more than this; None: it does not say."""
        return replace(
            self,
            bytes=self.bytes if size is None else min(size, self.bytes),
            names=self.names if names is None else min(names, self.names),
        )


def find_reserve(folder: Path | int, reserve: int) -> int:
    """Return the bytes to keep free on a folder's disk: `reserve`, of a small disk a tenth."""
    disk = os.statvfs(folder)
    return min(reserve, disk.f_blocks * disk.f_frsize // 10)


class StorageGuard:
    """Watches the storage of one worker's services. `look` and `tick` may come from two threads."""

    def __init__(
        self,
        folders: Sequence[Path],
        limits: StorageLimits,
        end: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`end` ends the worker and says why. Raises OSError if a folder cannot be opened."""
        self._folders = [os.open(folder, FOLDER) for folder in folders]
        self._limits = limits
        self._end = end
        self._clock = clock
        self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        self._usage = Usage()
        self._free = Usage()
        self._reserves = [find_reserve(folder, limits.reserve) for folder in self._folders]
        self._measured_at = -LOOK_SECONDS
        self._took = 0.0
        self._unsteady = 0
        self._may_grow = True
        self._most_names = limits.names
        if self._folders:
            self._measure(is_before_call=True)

    @property
    def may_grow(self) -> bool:
        """Whether files may grow now."""
        return self._may_grow

    @property
    def problem(self) -> str:
        """Why no worker may start on this storage; empty if one may."""
        if self._usage.entries > HARD * self._limits.names:
            return (
                f"the storage has more than {HARD * self._limits.names} files and folders, "
                f"{self._limits.names} are allowed"
            )
        return ""

    def look(self) -> None:
        """Measure before a call, if that is some time ago."""
        if self._folders and self._clock() - self._measured_at >= LOOK_SECONDS:
            self._measure(is_before_call=True)
            if self.problem:
                self._end(self.problem)

    def tick(self) -> None:
        """Measure within a call, as soon as the storage may have come to be too much."""
        if not self._folders:
            return
        free, before, age = self._read_free(), self._free, self._clock() - self._measured_at
        more = before.bytes - free.bytes + self._usage.bytes > self._limits.bytes
        more_names = before.entries - free.entries + self._usage.entries > self._most_names
        is_suspect = (more and self._may_grow) or more_names
        if (
            (self._may_grow and self._is_disk_full())
            or (is_suspect and age > self._took * 2)
            or age >= max(TICK_SECONDS, self._took * WALK_SHARE)
        ):
            self._measure()

    def _measure(self, *, is_before_call: bool = False) -> None:
        began = self._clock()
        self._free = self._read_free()
        most = Usage(2 * self._limits.bytes, HARD * self._limits.names + SLACK)
        taken, names = self._count_unlinked(), 0
        try:
            for folder in self._folders:
                usage = measure(folder, most)
                taken, names = taken + usage.bytes, names + usage.entries
            self._unsteady = 0
        except (Unsteady, OSError):
            # What was seen counts; a guest that keeps moving its folders is up to something.
            self._unsteady += 1
            taken = max(taken, self._usage.bytes)
            names = max(names, self._usage.entries)
        self._usage = Usage(taken, names)
        self._measured_at = self._clock()
        self._took = self._measured_at - began
        is_unsteady = self._unsteady >= MOST_UNSTEADY
        self._set_growth(
            taken <= self._limits.bytes and not self._is_disk_full() and not is_unsteady
        )
        if is_before_call:
            self._most_names = max(self._limits.names, names + self._limits.slack)
        elif names > self._most_names:
            allowed = self._limits.names
            self._end(f"the storage has {names} files and folders, {allowed} are allowed")

    def _set_growth(self, may_grow: bool) -> None:
        if may_grow != self._may_grow:
            limit = min(self._limits.bytes, self._hard) if may_grow else 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, self._hard))
            self._may_grow = may_grow

    def _is_disk_full(self) -> bool:
        return any(
            (disk := os.fstatvfs(folder)).f_bavail * disk.f_frsize < reserve
            for folder, reserve in zip(self._folders, self._reserves, strict=True)
        )

    def _read_free(self) -> Usage:
        disk = os.fstatvfs(self._folders[0])
        return Usage(disk.f_bavail * disk.f_frsize, disk.f_favail)

    def _count_unlinked(self) -> int:
        """Return the bytes of files that this process has open and nobody can find any more."""
        total = 0
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                status = os.fstat(int(name))
                if stat.S_ISREG(status.st_mode) and not status.st_nlink:
                    total += status.st_blocks * 512
        return total


def end_worker(why: str) -> None:
    """End this process at once, also from a thread beside the guest's."""
    print(f"worker ended: {why}", file=sys.stderr, flush=True)
    os._exit(1)
