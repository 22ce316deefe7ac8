"""The triggers of one deal's version on this peer, and when each fires next."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from peer.triggers.firings import TriggerFile, TriggerRecord
from peer.triggers.schedule import find_jitter, find_next
from wasmarket.kernel.documents.triggers import CLOCKED

SAVE_SECONDS: Final = 5.0
AT_ONCE: Final = 256
"""Calls of a deal's triggers at the same time: a thousand that fire in one second leave room in the
workers' queue for callers."""


class CallLine:
    """Where the calls of a deal's triggers wait until they may begin: those of one trigger one
    after another, and no more than `AT_ONCE` of all."""

    def __init__(self) -> None:
        self._room = AT_ONCE
        self._ready: deque[Callable[[], None]] = deque()
        # Triggers whose call has begun, or is ready to: what waits behind it.
        self._behind: dict[str, deque[Callable[[], None]] | None] = {}
        self._is_admitting = False
        self._is_closed = False

    def join(self, key: str, begin: Callable[[], None]) -> None:
        """Have `begin` called when its turn comes, which may be at once; `leave` is to follow."""
        if key not in self._behind:
            self._behind[key] = None
            self._ready.append(begin)
            self._admit()
        else:
            waiting = self._behind[key]
            if waiting is None:
                waiting = self._behind[key] = deque()
            waiting.append(begin)

    def leave(self, key: str) -> None:
        """Say that a trigger's call is over."""
        self._room += 1
        waiting = self._behind[key]
        if waiting:
            self._ready.append(waiting.popleft())
        else:
            del self._behind[key]
        self._admit()

    def close(self) -> None:
        """Let nothing begin any more."""
        self._is_closed = True

    def _admit(self) -> None:
        # NOTE: a call may be over before `begin` returns; it is not to begin the next one within.
        if self._is_admitting:
            return
        self._is_admitting = True
        try:
            while self._room and self._ready and not self._is_closed:
                self._room -= 1
                self._ready.popleft()()
        finally:
            self._is_admitting = False


class DealTriggers:
    """The triggers of one deal's version."""

    def __init__(
        self, app: str, file: TriggerFile, records: list[TriggerRecord], line: CallLine
    ) -> None:
        """`line` is where the calls of all the deal's versions wait."""
        self.app = app
        self.file = file
        self.records = records
        self.line = line
        self._saved_at = 0.0
        self._saving = asyncio.Lock()

    async def save(self) -> None:
        """Write what has passed. Raises OSError."""
        async with self._saving:
            await asyncio.to_thread(self.file.save, tuple(self.records), self.app)

    def must_save(self, now: float) -> bool:
        """Tell whether what has passed is to be written now: not at every firing."""
        if 0 <= now - self._saved_at < SAVE_SECONDS:
            return False
        self._saved_at = now
        return True


def set_due(record: TriggerRecord) -> None:
    """Note when a trigger that a clock fires does so next, jitter and all."""
    if record.trigger.kind in CLOCKED:
        firing = find_next(record.trigger, record.passed)
        record.due = firing + find_jitter(record.trigger, firing)
