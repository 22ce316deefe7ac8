"""Remember, on disk and at a second place, the newest receipt that each chain was signed up to.

A peer that signs two receipts of one number, or commits a root without one that it signed, convicts
itself. So what was signed is written down before it is given away, and a chain that has less than
that (a disk restored from an older backup, a damaged file) is not gone on with.
"""

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

from peer.folder import sync_folder, write_atomically
from peer.receipts.epoch_files import ChainHead
from wasmarket.kernel.errors import Conflict

HIGH_WATER_FILE = "signed-heads"

_MARK = struct.Struct(">QQ32s")
_CHECK = struct.Struct(">I")
MARK_BYTES = _MARK.size + _CHECK.size


class HighWater:
    """The newest signed head by assignment. Thread-safe.

    Each place is one file that only grows while it is open; the highest of all places counts.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        """Read and lock the files in these folders.

        Raises Conflict if another process has one of them, OSError.
        """
        self._lock = threading.Lock()
        self._marks: dict[int, ChainHead] = {}
        self._files: list[int] = []
        self._locks: list[int] = []
        try:
            for place in places:
                self._open(place / HIGH_WATER_FILE)
        except BaseException:
            self.close()
            raise

    def find(self, assignment: int) -> ChainHead | None:
        """Return the newest head that was signed, None if there is none."""
        return self._marks.get(assignment)

    def raise_to(self, assignment: int, head: ChainHead) -> None:
        """Write down, at all places, that a head is about to be signed. Raises OSError."""
        with self._lock:
            known = self._marks.get(assignment)
            if known is not None and known.sequence >= head.sequence:
                return
            packed = _pack(assignment, head)
            for descriptor in self._files:
                _append(descriptor, packed)
            self._marks[assignment] = head

    def close(self) -> None:
        """Let go of the files."""
        for descriptors in (self._files, self._locks):
            while descriptors:
                os.close(descriptors.pop())

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        # Kept open as long as the marks are: the lock goes with it.
        self._locks.append(lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"another process signs by {path}",
                remedy="end it first: two peers of one wallet would contradict one another",
            ) from error
        found = _read(path)
        for assignment, head in found.items():
            known = self._marks.get(assignment)
            if known is None or known.sequence < head.sequence:
                self._marks[assignment] = head
        write_atomically(path, b"".join(_pack(*mark) for mark in found.items()))
        self._files.append(os.open(path, os.O_WRONLY | os.O_APPEND))
        sync_folder(path.parent)


def _append(descriptor: int, packed: bytes) -> None:
    size = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, packed) < len(packed):
            raise OSError("the disk took half of a record")
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _read(path: Path) -> dict[int, ChainHead]:
    """Return the marks of a file, as far as it is whole."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[int, ChainHead] = {}
    for start in range(0, len(data) - MARK_BYTES + 1, MARK_BYTES):
        record = data[start : start + MARK_BYTES]
        if record != _pack_checked(record[: _MARK.size]):
            continue
        assignment, sequence, digest = _MARK.unpack_from(record)
        known = found.get(assignment)
        if known is None or known.sequence < sequence:
            found[assignment] = ChainHead(sequence, digest)
    return found


def _pack(assignment: int, head: ChainHead) -> bytes:
    return _pack_checked(_MARK.pack(assignment, head.sequence, head.hash))


def _pack_checked(mark: bytes) -> bytes:
    return mark + _CHECK.pack(zlib.crc32(mark))
