"""Notice answers that nobody reads: they would be kept in memory as long as the client likes."""

import asyncio
from typing import Final

UNREAD_SECONDS: Final = 30.0
PROGRESS_BYTES: Final = 4 * 1024
"""A client that reads less than this within UNREAD_SECONDS does not read."""
QUIET_SECONDS: Final = 60.0


class UnreadAnswers:
    """What one connection has to send, looked at from time to time."""

    __slots__ = ("_empty_since", "_has_progress", "_most", "_since", "_transport")

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._most = 0
        self._since = self._empty_since = now
        self._has_progress = False

    def note_progress(self) -> None:
        """Note that a buffer that was full has been read."""
        self._has_progress = True

    def is_stuck(self, now: float) -> bool:
        """Say whether something waits to be read for too long; `now` is the loop's time."""
        size = self._transport.get_write_buffer_size()
        if size:
            self._empty_since = now
        if not size or self._has_progress or size <= self._most - PROGRESS_BYTES:
            self._most, self._since, self._has_progress = size, now, False
            return False
        self._most = max(self._most, size)
        return now - self._since > UNREAD_SECONDS

    def idle(self, now: float) -> bool:
        """Say whether there has been nothing to send for long; ask `is_stuck` from time to time."""
        return now - self._empty_since > QUIET_SECONDS
