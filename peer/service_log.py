"""Keep the newest lines that a deal's services logged, and let readers follow them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

MAX_LINES = 2_000
MAX_FOLLOWERS = 16
QUEUE_LINES = 1_000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `number` counts up from 1; `time` is the chain's, seconds; `level` as logged."""

    number: int
    time: int
    function: str
    level: str
    text: str


class ServiceLog:
    """The log of one deal; used on the event loop only. It does not survive the process."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._followers: set[asyncio.Queue[LogLine | None]] = set()
        self._count = 0

    @property
    def has_room(self) -> bool:
        """Whether one more reader may follow."""
        return len(self._followers) < MAX_FOLLOWERS

    def add(self, time: int, function: str, lines: Sequence[str]) -> None:
        """Keep lines as the runtime gives them: `level: text`."""
        for line in lines:
            level, _, text = line.partition(": ")
            self._count += 1
            entry = LogLine(self._count, time, function, level, text)
            self._lines.append(entry)
            for follower in self._followers:
                # A reader that is too slow misses lines; their numbers tell.
                if not follower.full():
                    follower.put_nowait(entry)

    def tail(self, count: int) -> list[LogLine]:
        """Return the newest `count` lines, oldest first."""
        return list(self._lines)[-count:] if count else []

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
        """End all readers."""
        for follower in self._followers:
            if follower.full():
                follower.get_nowait()
            follower.put_nowait(None)
