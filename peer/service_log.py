"""Keep the newest lines that a deal's services logged, and let readers follow them.

Lines lie in two files of bounded size, the older one replaced when the newer one is full. They
survive a kill of the process, not a power cut: logs are no receipts.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wasmarket.kernel.documents.json_text import decode_json

logger = logging.getLogger(__name__)

MAX_LINES = 2_000
MAX_FOLLOWERS = 16
QUEUE_LINES = 1_000
NEWER, OLDER = "new.ndjson", "old.ndjson"
LOG_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `number` counts up from 1; `time` is the chain's, seconds; `level` as logged."""

    number: int
    time: int
    function: str
    level: str
    text: str


class ServiceLog:
    """The log of one deal; used on the event loop only. Nothing is read before it is needed."""

    def __init__(self, folder: Path | None = None, max_bytes: int = LOG_BYTES) -> None:
        """Keep at most `max_bytes` in `folder`; without one, in memory only."""
        self._folder = folder
        self._half = max(max_bytes // 2, 1)
        self._known: deque[LogLine] | None = None
        self._followers: set[asyncio.Queue[LogLine | None]] = set()
        self._count = 0
        self._file = -1
        self._size = 0

    @property
    def has_room(self) -> bool:
        """Whether one more reader may follow."""
        return len(self._followers) < MAX_FOLLOWERS

    def add(self, time: int, function: str, lines: Sequence[str]) -> None:
        """Keep lines as the runtime gives them: `level: text`."""
        known = self._lines()
        fresh = []
        for line in lines:
            level, _, text = line.partition(": ")
            self._count += 1
            entry = LogLine(self._count, time, function, level, text)
            fresh.append(entry)
            known.append(entry)
            for follower in self._followers:
                # A reader that is too slow misses lines; their numbers tell.
                if not follower.full():
                    follower.put_nowait(entry)
        self._write(fresh)

    def tail(self, count: int) -> list[LogLine]:
        """Return the newest `count` lines, oldest first."""
        return list(self._lines())[-count:] if count else []

    async def follow(self, count: int) -> AsyncIterator[LogLine]:
        """Yield the newest `count` lines, then every further one until the log is closed."""
        queue: asyncio.Queue[LogLine | None] = asyncio.Queue(QUEUE_LINES)
        self._followers.add(queue)
        try:
            for line in self.tail(count):
                yield line
            while (line_or_end := await queue.get()) is not None:
                yield line_or_end
        finally:
            self._followers.discard(queue)

    def close(self) -> None:
        """End all readers, and let the file go; the next line opens it again."""
        for follower in self._followers:
            if follower.full():
                follower.get_nowait()
            follower.put_nowait(None)
        self._close_file()

    def forget(self) -> None:
        """Forget all lines, because their files are removed."""
        self.close()
        self._known = None

    def _lines(self) -> deque[LogLine]:
        if self._known is None:
            self._known = deque(maxlen=MAX_LINES)
            for name in (OLDER, NEWER) if self._folder else ():
                self._known.extend(_read(self._path(name)))
            self._count = max((line.number for line in self._known), default=self._count)
        return self._known

    def _write(self, lines: Sequence[LogLine]) -> None:
        if self._folder is None:
            return
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        try:
            if self._file < 0 or self._size + len(data) > self._half:
                self._open(self._folder, len(data))
            self._size += os.write(self._file, data)
        except OSError as error:
            # A full disk costs lines, never the call that logged them.
            logger.warning("a log line was not kept", extra={"why": error.strerror})

    def _open(self, folder: Path, more: int) -> None:
        self._close_file()
        folder.mkdir(parents=True, exist_ok=True)
        newer = self._path(NEWER)
        size = newer.stat().st_size if newer.exists() else 0
        if size and size + more > self._half:
            newer.replace(self._path(OLDER))
        self._file = os.open(newer, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._size = os.fstat(self._file).st_size
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            # A kill cut the last line off; the next one must not be glued to it.
            self._size += os.write(self._file, b"\n")

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / name


def _read(path: Path) -> list[LogLine]:
    try:
        data = path.read_bytes()
    except OSError:
        return []
    lines: list[LogLine] = []
    damaged = 0
    for row in data.splitlines():
        try:
            lines.append(decode_json(row, LogLine))
        except msgspec.DecodeError:
            damaged += 1
    if damaged:
        logger.warning("log lines are damaged", extra={"path": str(path), "count": damaged})
    return lines
