"""The triggers of one deal's version on this peer, and when each fires next."""

import asyncio
from typing import Final

from peer.triggers.firings import TriggerFile, TriggerRecord
from peer.triggers.schedule import find_jitter, find_next
from wasmarket.kernel.documents.triggers import CLOCKED

SAVE_SECONDS: Final = 5.0
AT_ONCE: Final = 256
"""Calls of a deal's triggers at the same time: a thousand that fire in one second leave room in the
workers' queue for callers."""


class DealTriggers:
    """The triggers of one deal's version."""

    def __init__(self, app: str, file: TriggerFile, records: list[TriggerRecord]) -> None:
        self.app = app
        self.file = file
        self.records = records
        self.queues: dict[str, asyncio.Lock] = {
            record.trigger.key: asyncio.Lock() for record in records
        }
        self.gate = asyncio.Semaphore(AT_ONCE)
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
