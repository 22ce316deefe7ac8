"""Make the calls of triggers when their time has come, each by one peer or by every peer.

Of a firing that one peer is to make, each knows whose turn comes first. A peer waits `grace_s` for
each before it, asks them, and makes the call itself unless one of them shows the receipt of it. So
a firing is made at least once while one peer lives, and once while none fails.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

from peer.hosting.served_assignment import ServedAssignment
from peer.hosting.versions import Version
from peer.triggers.calling import RunFlow, TriggerCalls, TriggeredDeal, run_no_flow
from peer.triggers.chain_events import PLACES, EventFiring
from peer.triggers.deal_triggers import CallLine, DealTriggers, set_due
from peer.triggers.firings import Firing, FiringState, TriggerFile, TriggerRecord
from peer.triggers.neighbours import Neighbours
from peer.triggers.schedule import (
    choose_missed,
    find_jitter,
    list_between,
    pass_over,
)
from peer.triggers.turns import MOST_QUEUED, FiringTurns
from wasmarket.kernel.documents.triggers import (
    CHAIN_EVENT,
    CLOCKED,
    START,
    STOP,
    UPDATE,
    Trigger,
)
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.kernel.units import Timestamp

logger = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 1.0
SHORTEST_PAUSE: Final = 0.001
OVERDUE_PAUSE: Final = 0.005
"""Of a deal whose next version does not serve yet, what is due waits for that."""
PRESENT_SECONDS: Final = 1.0
"""A firing not older than this is no missed one."""
AT_A_TIME: Final = 32
"""Firings after which others have a moment: what workers were given is sent, and callers are
heard."""
FIRST_BY_HAND: Final = 10**15
"""Firings by hand are milliseconds behind this: no clock and no block has such numbers."""
LAST_SECONDS: Final = 30.0
"""How long a deal that is over waits for its last calls."""


class TriggerRunner:
    """Runs the triggers of all deals. Event loop only."""

    def __init__(
        self,
        find_deals: Callable[[], Mapping[int, TriggeredDeal]],
        open_file: Callable[[int], TriggerFile],
        client: httpx.AsyncClient,
        *,
        endpoint: Callable[[], str],
        now: Callable[[], Timestamp],
        peer: Callable[[], int],
        run_flow: RunFlow = run_no_flow,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`endpoint` is this peer's own as the chain has it, `now` the chain's time."""
        self._calls = TriggerCalls(now, self._read_clock, peer, run_flow, sleep)
        self._turns = FiringTurns(Neighbours(client, endpoint, sleep), self._calls)
        self._is_closing = False
        self._find_deals = find_deals
        self._open_file = open_file
        self._now = now
        self._clock = clock
        self._deals: dict[int, DealTriggers] = {}
        # Our clock's time and the chain's or ours, whichever was ahead, at the last turn.
        self._seen = (-math.inf, -math.inf)

    def pause(self) -> float:
        """Return the seconds until something may have to be done."""
        dues = (
            record.due
            for known in self._deals.values()
            for record in known.records
            if record.trigger.kind in CLOCKED
        )
        left = min(dues, default=math.inf) - self._read_clock()
        if left <= 0:
            return OVERDUE_PAUSE
        return max(min(left, LONGEST_PAUSE), SHORTEST_PAUSE)

    async def take_turn(self) -> None:
        """Begin what is due now. Raises OSError when that cannot be noted."""
        if self._is_closing:
            return
        own, now = self._clock(), self._read_clock()
        present = self._find_present(own, now)
        self._seen = (own, now)
        deals = self._find_deals()
        for number in [known for known in self._deals if known not in deals]:
            del self._deals[number]
        for number, hosted in tuple(deals.items()):
            if deals.get(number) is not hosted:
                # It went while others began.
                continue
            version = hosted.version
            if version is None or not version.manifest.triggers:
                self._deals.pop(number, None)
                continue
            known = self._deals.get(number)
            if known is None or known.app != version.app:
                if not _is_served(hosted):
                    continue
                known = self._open(number, hosted, version, now)
            await self._fire_all(hosted, known, now, present)
            if known.must_save(now):
                await known.save()

    async def close(self) -> None:
        """End what waits; calls that run are their workers' matter."""
        self._is_closing = True
        for known in self._deals.values():
            known.line.close()
        await self._calls.close()

    def list_records(self, deal: int) -> list[TriggerRecord]:
        """Return what the triggers of a deal did; none for a deal without."""
        known = self._deals.get(deal)
        return [] if known is None else known.records

    def list_watched(self) -> Iterator[tuple[int, TriggerRecord]]:
        """Yield the triggers whose events are to be read now, with their deals' numbers."""
        deals = self._find_deals()
        for number, known in self._deals.items():
            for record in known.records:
                trigger = record.trigger
                if trigger.kind == CHAIN_EVENT and number in deals:
                    has_room = record.open < MOST_QUEUED // 2
                    if has_room and not deals[number].pauses.has(record.key):
                        yield number, record

    async def take_events(
        self, deal: int, record: TriggerRecord, firings: Sequence[EventFiring], passed: int
    ) -> None:
        """Begin the firings of events that were read, up to `passed`.

        One that does not fit its ABI has failed. Raises OSError when that cannot be noted.
        """
        known, hosted = self._deals.get(deal), self._find_deals().get(deal)
        if known is None or hosted is None or self._is_closing:
            return
        is_news = bool(firings) or not record.passed
        record.passed = passed
        for firing in firings:
            if firing.event.problem:
                made = record.begin(firing.id, FiringState.WAITING)
                record.end(made, FiringState.FAILED, firing.event.problem)
            else:
                self._turns.begin(
                    hosted, known.line, record, firing.id, argument=firing.event.values
                )
        if is_news:
            # At once: whoever starts again must not begin behind an event that nobody saw.
            await known.save()

    async def fire(self, deal: int, key: str, argument: Any) -> Firing:
        """Make a trigger's call here and now, whatever its time, its turn and its pause.

        Raises NotFound.
        """
        known, hosted = self._deals.get(deal), self._find_deals().get(deal)
        record = self._find_record(deal, key)
        if known is None or hosted is None:
            raise NotFound(f"deal {deal} has no triggers here now")
        number = FIRST_BY_HAND + int(self._clock() * 1_000)
        made = record.begin(number, FiringState.WAITING, argument)
        record.running += 1
        try:
            await self._calls.make(hosted, record, made)
        finally:
            record.running -= 1
        return made

    async def make_last_calls(self, hosted: TriggeredDeal, run: ServedAssignment) -> None:
        """Make the calls of `stop` on `run`, the last one of a deal that is over here.

        Raises OSError when that cannot be noted.
        """
        deal = hosted.deal.id
        known = self._deals.pop(deal, None)
        if known is None:
            return
        last = [record for record in known.records if record.trigger.kind == STOP]
        wanted = [record for record in last if not hosted.pauses.has(record.key)]
        made = [record.begin(int(self._read_clock()), FiringState.WAITING) for record in wanted]
        calls = [
            self._calls.make(hosted, record, firing, run)
            for record, firing in zip(wanted, made, strict=True)
        ]
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await asyncio.gather(*calls)
        except TimeoutError:
            logger.warning("last calls were cut off", extra={"deal": deal})
        await asyncio.to_thread(known.file.forget)

    def find_firing(self, deal: int, key: str, firing: int) -> Firing:
        """Return what became of a firing here. Raises NotFound."""
        for record in self.list_records(deal):
            if record.key == key and (found := record.find(firing)) is not None:
                return found
        raise NotFound("this peer knows no such firing", remedy="ask another peer of the deal")

    def find_trigger(self, deal: int, key: str) -> Trigger:
        """Return a trigger of a deal. Raises NotFound."""
        return self._find_record(deal, key).trigger

    def find_due(self, record: TriggerRecord) -> int | None:
        """Return when a trigger fires next, None for one that no clock fires."""
        return int(record.due) if record.trigger.kind in CLOCKED else None

    def find_block(self, record: TriggerRecord) -> int | None:
        """Return up to which block events were read; None before, and for all other kinds."""
        is_event = record.trigger.kind == CHAIN_EVENT
        return record.passed // PLACES if is_event and record.passed else None

    def _find_record(self, deal: int, key: str) -> TriggerRecord:
        records = self.list_records(deal)
        for record in records:
            if record.key == key:
                return record
        known = ", ".join(record.key for record in records) or "none"
        raise NotFound(
            f"deal {deal} has no trigger {key:.40}", field="trigger", remedy=f"it has {known}"
        )

    def _read_clock(self) -> float:
        """Return the time: the chain's, where that is ahead, as after a travel in time."""
        try:
            return max(self._clock(), float(self._now()))
        except MarketError:
            return self._clock()

    def _find_present(self, own: float, now: float) -> float:
        """Return from when on a firing is none that was missed.

        A chain that travelled in time went past firings while this peer was awake.
        """
        own_before, before = self._seen
        has_travelled = now - before > own - own_before + PRESENT_SECONDS
        return before if has_travelled and before > -math.inf else now - PRESENT_SECONDS

    def _open(
        self, number: int, hosted: TriggeredDeal, version: Version, now: float
    ) -> DealTriggers:
        """Begin with a version's triggers; what is the same as before goes on where it was."""
        before = self._deals.get(number)
        file = before.file if before else self._open_file(number)
        old = {record.key: record for record in before.records} if before else {}
        records = []
        for trigger in version.manifest.triggers:
            record = old.get(trigger.key)
            if record is None:
                passed = file.find_passed(trigger.key)
                # Events are known by their blocks: a new trigger begins with those to come.
                begin = 0 if trigger.kind == CHAIN_EVENT else int(now)
                record = TriggerRecord(trigger, begin if passed is None else passed)
                set_due(record)
            records.append(record)
        line = before.line if before else CallLine()
        known = self._deals[number] = DealTriggers(version.app, file, records, line)
        for record in records:
            is_new = file.find_passed(record.key) is None
            is_update = file.app not in ("", version.app)
            kind = record.trigger.kind
            if (kind == START and is_new) or (kind == UPDATE and is_update):
                record.passed = int(now)
                if not hosted.pauses.has(record.key):
                    self._turns.begin(hosted, known.line, record, int(now))
        return known

    async def _fire_all(
        self, hosted: TriggeredDeal, known: DealTriggers, now: float, present: float
    ) -> None:
        """Begin what is due of a deal; workers get the first calls while others begin."""
        count = 0
        for record in known.records:
            if record.trigger.kind not in CLOCKED or record.due > now:
                continue
            self._fire_due(hosted, known, record, now, present)
            count += 1
            if count % AT_A_TIME == 0:
                await asyncio.sleep(0)
                if self._is_closing or self._deals.get(hosted.deal.id) is not known:
                    return

    def _fire_due(
        self,
        hosted: TriggeredDeal,
        known: DealTriggers,
        record: TriggerRecord,
        now: float,
        present: float,
    ) -> None:
        trigger = record.trigger
        if hosted.pauses.has(record.key):
            # Nobody makes up for what did not happen.
            record.passed = int(now)
            set_due(record)
            return
        old, after = pass_over(trigger, record.passed, now)
        record.counts[FiringState.MISSED] += old
        due = list(list_between(trigger, after, now))
        if not due:
            return
        record.passed = due[-1]
        set_due(record)
        fresh = [f for f in due if f + find_jitter(trigger, f) > present]
        missed = due[: len(due) - len(fresh)]
        caught = choose_missed(trigger, missed)
        record.counts[FiringState.MISSED] += len(missed) - len(caught)
        # Those of a travel come at once: none of them is skipped for the one before.
        is_crowd = present < now - PRESENT_SECONDS
        for firing in (*caught, *fresh):
            self._turns.begin(hosted, known.line, record, firing, is_queued=is_crowd)


def _is_served(hosted: TriggeredDeal) -> bool:
    try:
        hosted.pick()
    except MarketError:
        return False
    return True
