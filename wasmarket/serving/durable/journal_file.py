"""A file of lines of JSON that one process appends to: each is safe on the disk, or not there."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from wasmarket.kernel.errors import Conflict, MarketError
from wasmarket.serving.damage import set_aside

DAMAGED: Final = (msgspec.DecodeError, MarketError, KeyError, TypeError, ValueError)
"""What reading a line raises that this program did not write so."""

Line = dict[str, Any]


class JournalFile:
    """What a program did, in order; what follows from a line is done again until a line says so.

    Any thread writes, one line after the other.
    """

    def __init__(self, path: Path, whose: str, take: Callable[[Line], None]) -> None:
        """Give every line of earlier runs to `take`; half a line at the end is cut off.

        `whose` journal it is stands in messages. Raises Conflict if another process writes it.
        """
        self._take = take
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer: what a full disk did not take must not be written later.
        self._file = path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Conflict(f"another {whose} writes {path}", remedy="end it first") from error
        self._recover(path, whose)

    def write(self, line: Line) -> None:
        """Write a line, safe on the disk, and take what it says. Raises OSError."""
        data = msgspec.json.encode(line) + b"\n"
        with self._lock:
            size = os.fstat(self._file.fileno()).st_size
            try:
                if self._file.write(data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fdatasync(self._file.fileno())
            except OSError:
                os.ftruncate(self._file.fileno(), size)
                raise
            self._take(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _recover(self, path: Path, whose: str) -> None:
        data = path.read_bytes()
        good = 0
        for line in data.splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    break
                self._take(msgspec.json.decode(line))
            except DAMAGED:
                set_aside(path, data, f"the {whose}'s journal from some line on")
                break
            good += len(line)
        os.truncate(path, good)


def read_journal(path: Path) -> Iterator[Line]:
    """Yield what was written, oldest first; nothing where there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line)
