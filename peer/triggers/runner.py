"""Make the calls of triggers when their time has come, each by one peer or by every peer.

Of a firing that one peer is to make, each knows whose turn comes first. A peer waits `grace_s` for
each before it, asks them, and makes the call itself unless one of them shows the receipt of it. So
a firing is made at least once while one peer lives, and once while none fails.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import httpx
import msgspec

from peer.hosting.served_assignment import CallRequest, Deliver, Recorded, ServedAssignment
from peer.hosting.versions import Version
from peer.runtime.module.service import BodyKind
from peer.triggers.firings import Firing, FiringState, TriggerFile, TriggerRecord
from peer.triggers.schedule import (
    choose_missed,
    find_jitter,
    find_next,
    list_between,
    pass_over,
    rank_peers,
)
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.documents.triggers import CLOCKED, ONE, START, UPDATE, Trigger
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.kernel.units import Timestamp

logger = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 1.0
SHORTEST_PAUSE: Final = 0.005
ASK_SECONDS: Final = 2.0
MAX_ANSWER: Final = 4_096
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0
PRESENT_SECONDS: Final = 1.0
"""A firing not older than this is no missed one."""
SAVE_SECONDS: Final = 5.0
MOST_QUEUED: Final = 200
"""Firings of one trigger whose calls run or wait for those before."""


class TriggeredDeal(Protocol):
    """What the runner needs of a deal."""

    @property
    def deal(self) -> Any:
        """What the chain says of it: `id`, `developer`, `endpoints`."""

    @property
    def version(self) -> Version | None:
        """The version that serves."""

    def pick(self) -> ServedAssignment:
        """Return the run that takes the next call. Raises MarketError."""

    def submit(self, run: ServedAssignment, request: CallRequest, deliver: Deliver) -> None:
        """Run a call on `run`, and write its receipt."""


class FiringAnswer(msgspec.Struct):
    """What a peer says of one firing."""

    state: str
    receipt: str = ""


class _DealTriggers:
    """The triggers of one deal's version."""

    def __init__(self, app: str, file: TriggerFile, records: list[TriggerRecord]) -> None:
        self.app = app
        self.file = file
        self.records = records
        self.queues: dict[str, asyncio.Lock] = {
            record.trigger.key: asyncio.Lock() for record in records
        }
        self._saved_at = 0.0

    def must_save(self, now: float) -> bool:
        """Tell whether what has passed is to be written now: not at every firing."""
        if 0 <= now - self._saved_at < SAVE_SECONDS:
            return False
        self._saved_at = now
        return True


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
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`endpoint` is this peer's own as the chain has it, `now` the chain's time."""
        self._sleep = sleep
        self._is_closing = False
        self._find_deals = find_deals
        self._open_file = open_file
        self._client = client
        self._endpoint = endpoint
        self._now = now
        self._peer = peer
        self._clock = clock
        self._deals: dict[int, _DealTriggers] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def pause(self) -> float:
        """Return the seconds until something may have to be done."""
        dues = (
            record.due
            for known in self._deals.values()
            for record in known.records
            if record.trigger.kind in CLOCKED
        )
        left = min(dues, default=math.inf) - self._read_clock()
        return max(min(left, LONGEST_PAUSE), SHORTEST_PAUSE)

    async def take_turn(self) -> None:
        """Begin what is due now. Raises OSError when that cannot be noted."""
        if self._is_closing:
            return
        now = self._read_clock()
        deals = self._find_deals()
        for number in [known for known in self._deals if known not in deals]:
            del self._deals[number]
        for number, hosted in deals.items():
            version = hosted.version
            if version is None or not version.manifest.triggers:
                self._deals.pop(number, None)
                continue
            known = self._deals.get(number)
            if known is None or known.app != version.app:
                if not _is_served(hosted):
                    continue
                known = self._open(number, hosted, version, now)
            for record in known.records:
                if record.trigger.kind in CLOCKED and record.due <= now:
                    self._fire_due(hosted, known, record, now)
            if known.must_save(now):
                await asyncio.to_thread(known.file.save, tuple(known.records), known.app)

    async def close(self) -> None:
        """End what waits; calls that run are their workers' matter."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def list_records(self, deal: int) -> list[TriggerRecord]:
        """Return what the triggers of a deal did; none for a deal without."""
        known = self._deals.get(deal)
        return [] if known is None else known.records

    def find_firing(self, deal: int, key: str, firing: int) -> Firing:
        """Return what became of a firing here. Raises NotFound."""
        for record in self.list_records(deal):
            if record.trigger.key == key and (found := record.find(firing)) is not None:
                return found
        raise NotFound("this peer knows no such firing", remedy="ask another peer of the deal")

    def find_due(self, record: TriggerRecord) -> int | None:
        """Return when a trigger fires next, None for one that no clock fires."""
        return int(record.due) if record.trigger.kind in CLOCKED else None

    def _read_clock(self) -> float:
        """Return the time: the chain's, where that is ahead, as after a travel in time."""
        try:
            return max(self._clock(), float(self._now()))
        except MarketError:
            return self._clock()

    def _open(
        self, number: int, hosted: TriggeredDeal, version: Version, now: float
    ) -> _DealTriggers:
        """Begin with a version's triggers; what is the same as before goes on where it was."""
        before = self._deals.get(number)
        file = before.file if before else self._open_file(number)
        old = {record.trigger.key: record for record in before.records} if before else {}
        records = []
        for trigger in version.manifest.triggers:
            record = old.get(trigger.key)
            if record is None:
                passed = file.find_passed(trigger.key)
                record = TriggerRecord(trigger, int(now) if passed is None else passed)
                _set_due(record)
            records.append(record)
        known = self._deals[number] = _DealTriggers(version.app, file, records)
        for record in records:
            is_new = file.find_passed(record.trigger.key) is None
            is_update = file.app not in ("", version.app)
            kind = record.trigger.kind
            if (kind == START and is_new) or (kind == UPDATE and is_update):
                record.passed = int(now)
                self._begin(hosted, known, record, int(now))
        return known

    def _fire_due(
        self, hosted: TriggeredDeal, known: _DealTriggers, record: TriggerRecord, now: float
    ) -> None:
        old, after = pass_over(record.trigger, record.passed, now)
        record.counts[FiringState.MISSED] += old
        due = list(list_between(record.trigger, after, now))
        if not due:
            return
        record.passed = due[-1]
        _set_due(record)
        present = [f for f in due if f + find_jitter(record.trigger, f) > now - PRESENT_SECONDS]
        missed = due[: len(due) - len(present)]
        caught = choose_missed(record.trigger, missed)
        record.counts[FiringState.MISSED] += len(missed) - len(caught)
        for firing in (*caught, *present):
            self._begin(hosted, known, record, firing)

    def _begin(
        self, hosted: TriggeredDeal, known: _DealTriggers, record: TriggerRecord, firing: int
    ) -> None:
        made = record.begin(firing, FiringState.WAITING)
        task = asyncio.ensure_future(self._see_to(hosted, known, record, made))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, record, made))

    def _end(self, task: asyncio.Task[None], record: TriggerRecord, made: Firing) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            record.end(made, FiringState.FAILED, "the peer failed unexpectedly")
            logger.error("a firing failed unexpectedly", exc_info=error)

    async def _see_to(
        self, hosted: TriggeredDeal, known: _DealTriggers, record: TriggerRecord, made: Firing
    ) -> None:
        trigger = record.trigger
        if trigger.run == ONE and await self._is_made_before(hosted, trigger, made.id):
            record.end(made, FiringState.LEFT)
            return
        if record.running and trigger.overlap == "skip":
            record.end(made, FiringState.MISSED, "the one before still runs")
            return
        if record.running >= MOST_QUEUED:
            record.end(made, FiringState.MISSED, f"{MOST_QUEUED} before it wait still")
            return
        record.running += 1
        try:
            async with known.queues[trigger.key]:
                await self._call_until_answered(hosted, record, made)
        finally:
            record.running -= 1

    async def _is_made_before(self, hosted: TriggeredDeal, trigger: Trigger, firing: int) -> bool:
        """Wait for the peers whose turn is before ours; tell whether one has made the call."""
        earlier = rank_peers(trigger, firing, self._endpoint(), hosted.deal.endpoints)
        for _ in earlier:
            await self._sleep(trigger.grace_s)
            asked = [self._ask(peer, hosted.deal.id, trigger.key, firing) for peer in earlier]
            if any(await asyncio.gather(*asked)):
                return True
        return False

    async def _ask(self, endpoint: str, deal: int, key: str, firing: int) -> bool:
        """Tell whether a peer shows the receipt of a firing, or is at it."""
        url = f"{endpoint.rstrip('/')}/v1/deals/{deal}/triggers/{key}/{firing}"
        try:
            async with asyncio.timeout(ASK_SECONDS):
                async with self._client.stream("GET", url) as answer:
                    if answer.status_code != httpx.codes.OK:
                        return False
                    body = bytearray()
                    async for chunk in answer.aiter_raw():
                        body += chunk
                        if len(body) > MAX_ANSWER:
                            return False
            told = decode_json(bytes(body), FiringAnswer)
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            MarketError,
            OSError,
            ValueError,
        ) as error:
            logger.debug("peer not asked for a firing", extra={"url": url, "why": repr(error)})
            return False
        return told.state == FiringState.RUNNING or bool(told.receipt)

    async def _call_until_answered(
        self, hosted: TriggeredDeal, record: TriggerRecord, made: Firing
    ) -> None:
        made.state = FiringState.RUNNING
        pause = FIRST_RETRY
        for left in range(record.trigger.retries, -1, -1):
            problem = await self._call(hosted, record.trigger, made)
            if not problem:
                record.end(made, FiringState.ANSWERED)
                return
            if left:
                await self._sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY)
        record.end(made, FiringState.FAILED, problem)

    async def _call(self, hosted: TriggeredDeal, trigger: Trigger, made: Firing) -> str:
        """Make the call; return why it was not answered well, empty if it was."""
        future: asyncio.Future[Recorded | Exception] = asyncio.get_running_loop().create_future()

        def deliver(outcome: Recorded | Exception) -> None:
            if not future.done():
                future.set_result(outcome)

        try:
            run = hosted.pick()
            parameters = {
                "init_peer_id": "",
                "service_id": trigger.service,
                "service_creator_peer_id": hosted.deal.developer,
                "host_id": str(self._peer()),
                "worker_id": str(run.assignment),
                # The same on every peer and try: by it a function knows a call that came before.
                "particle_id": f"{trigger.key}:{made.id}",
            }
            hosted.submit(
                run,
                CallRequest(
                    trigger.service,
                    trigger.function,
                    trigger.arguments,
                    BodyKind.JSON,
                    self._now(),
                    parameters,
                ),
                deliver,
            )
        except MarketError as error:
            return error.detail
        outcome = await future
        if isinstance(outcome, Exception):
            return str(outcome)
        made.receipt = f"{outcome.chain.assignment}:{outcome.head.sequence}"
        return "" if outcome.fault is None else outcome.fault.detail


def _set_due(record: TriggerRecord) -> None:
    if record.trigger.kind in CLOCKED:
        firing = find_next(record.trigger, record.passed)
        record.due = firing + find_jitter(record.trigger, firing)


def _is_served(hosted: TriggeredDeal) -> bool:
    try:
        hosted.pick()
    except MarketError:
        return False
    return True
