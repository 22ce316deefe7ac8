"""Keep some of the disk for the peer's own files, whatever guests and others write.

Guests may write no more once less than the reserve is free; they may be some milliseconds late. So
that the peer can still save then, half as much lies in a file that is let go when it is needed.
"""

import logging
import os
from pathlib import Path

from peer.runtime.sandbox.storage_guard import find_reserve
from wasmarket.kernel.errors import Unreachable

logger = logging.getLogger(__name__)

MIB = 1 << 20
NAME = "reserve"


class DiskFull(Unreachable):
    """The disk is full"""

    slug = "disk-full"


class DiskWatch:
    """Looks at the disk of a peer's folder; one thread calls `look`, anybody reads `has_room`."""

    def __init__(self, folder: Path, reserve: int) -> None:
        """`reserve`: bytes to keep free, on a small disk a tenth of it."""
        self._folder = folder
        self._path = folder / NAME
        self._reserve = find_reserve(folder, reserve)
        self._held = self._reserve // 2
        self._was_short = False
        self.has_room = True

    def look(self) -> None:
        """Hold the reserve, or let it go. Raises DiskFull while less than it is free."""
        free = self._read_free()
        self.has_room = free >= self._reserve
        is_short = free < self._reserve // 4
        # Once more after the first time: by then no guest writes any more.
        if is_short and self._was_short and self._path.exists():
            self._path.unlink()
            logger.warning("the reserve on the disk was let go", extra={"bytes": self._held})
        self._was_short = is_short
        if self._held and free >= self._reserve + 2 * self._held and not self._path.exists():
            self._hold()
        if not self.has_room:
            raise DiskFull(
                f"the disk with {self._folder} has {free // MIB} MiB left: services can write no "
                f"more until {self._reserve // MIB + 1} MiB are free; make room on it, or lower "
                "max_storage_bytes in the policy",
                remedy="make room on it",
            )

    def _hold(self) -> None:
        temporary = self._path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._held)
        except OSError:
            temporary.unlink()
            raise
        finally:
            os.close(descriptor)
        temporary.replace(self._path)

    def _read_free(self) -> int:
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize
