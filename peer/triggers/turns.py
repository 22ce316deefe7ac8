"""Begin firings: each when it is this peer's turn, and when there is room for its call."""

import asyncio
import logging
from functools import partial
from typing import Any, Final

from peer.triggers.calling import FiringCall, TriggerCalls, TriggeredDeal
from peer.triggers.deal_triggers import CallLine
from peer.triggers.firings import Firing, FiringState, TriggerRecord
from peer.triggers.neighbours import Neighbours
from wasmarket.kernel.documents.triggers import EACH

logger = logging.getLogger(__name__)

MOST_QUEUED: Final = 200
"""Firings of one trigger whose calls run or wait for those before."""


class FiringTurns:
    """Begins firings. Event loop only."""

    def __init__(self, neighbours: Neighbours, calls: TriggerCalls) -> None:
        self._neighbours = neighbours
        self._calls = calls

    def begin(
        self,
        hosted: TriggeredDeal,
        line: CallLine,
        record: TriggerRecord,
        firing: int,
        *,
        argument: Any = None,
        is_queued: bool = False,
    ) -> None:
        """See to a firing; with `is_queued`, behind the call before it, whatever the trigger says.

        Where the turn is ours at once, its call waits for nothing but its place in `line`.
        """
        trigger, deal = record.trigger, hosted.deal
        made = record.begin(firing, FiringState.WAITING, argument)
        record.open += 1
        if trigger.run == EACH or self._neighbours.is_first(trigger, firing, deal.endpoints):
            self._join(hosted, line, record, made, is_queued)
            return
        task = self._calls.spawn(self._wait(hosted, line, record, made, is_queued))
        task.add_done_callback(lambda done: _end_badly(done, record, made))

    async def _wait(
        self,
        hosted: TriggeredDeal,
        line: CallLine,
        record: TriggerRecord,
        made: Firing,
        is_queued: bool,
    ) -> None:
        """Make the call when the turn is ours, unless another peer has made it."""
        deal = hosted.deal
        if await self._neighbours.wait_for_turn(deal.id, record.trigger, made.id, deal.endpoints):
            record.end(made, FiringState.LEFT)
            record.open -= 1
        else:
            self._join(hosted, line, record, made, is_queued)

    def _join(
        self,
        hosted: TriggeredDeal,
        line: CallLine,
        record: TriggerRecord,
        made: Firing,
        is_queued: bool,
    ) -> None:
        problem = ""
        if record.running and record.trigger.overlap == "skip" and not is_queued:
            problem = "the one before still runs"
        elif record.running >= MOST_QUEUED:
            problem = f"{MOST_QUEUED} before it wait still"
        if problem:
            record.end(made, FiringState.MISSED, problem)
            record.open -= 1
            return
        record.running += 1
        call = FiringCall(self._calls, hosted, record, made, partial(_leave, line, record))
        line.join(record.key, call.begin)


def _leave(line: CallLine, record: TriggerRecord) -> None:
    record.running -= 1
    record.open -= 1
    line.leave(record.key)


def _end_badly(task: asyncio.Task[None], record: TriggerRecord, made: Firing) -> None:
    """End a firing whose wait for its turn failed."""
    if not task.cancelled() and (error := task.exception()) is not None:
        record.open -= 1
        record.end(made, FiringState.FAILED, "the peer failed unexpectedly")
        logger.error("a firing failed unexpectedly", exc_info=error)
