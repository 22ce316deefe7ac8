"""One deal on this peer: from its first assignment to its last paid epoch.

`converge` compares what the chain wants with what runs and closes the gap; it can be cut short
anywhere and called again. Only the chain ends a run: a failure leaves what serves as it is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kernel.addresses import parse_hash
from kernel.errors import InvalidInput, MarketError, NotFound, RunwayOver, Unreachable
from kernel.reasons import LeaveReason
from kernel.units import Hash
from peer.access import AccessFile
from peer.folder import write_atomically
from peer.hosting.refusals import Refusal, to_refusal
from peer.hosting.run import CallRequest, CallTally, Recorded, Run, Workers
from peer.hosting.sources import SourceHints
from peer.hosting.versions import Preparer, Version
from peer.market.standing import (
    Assignment,
    Deal,
    DealState,
    Standing,
    State,
    is_serving,
    serving_until,
)
from peer.policy import Applicant, Policy, check_applicant
from peer.receipts.book import ReceiptBook

logger = logging.getLogger(__name__)

VERSION_FILE = "app"
TRANSIENT = (LeaveReason.CONTENT_NOT_FOUND, LeaveReason.CONTENT_MISMATCH)
"""Failures that may pass by themselves; others are tried again after a restart or an update."""


class HostState(StrEnum):
    """What a deal is on this peer."""

    STARTING = "starting"
    SERVING = "serving"
    FAILED = "failed"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Tools:
    """What every deal's host needs from the peer."""

    preparer: Preparer
    policy: Policy
    book: ReceiptBook
    hints: SourceHints
    gateways: tuple[str, ...]
    cache: Path
    starting: asyncio.Semaphore
    """How many deals may start workers at once."""
    retry_seconds: float
    now_epoch: Callable[[], int] = lambda: -1
    changed: Callable[[], None] = lambda: None
    """Called when readiness or a refusal changed."""


class DealHost:
    """A deal's services, on the event loop."""

    def __init__(self, deal: Deal, folder: Path, tools: Tools) -> None:
        self.deal = deal
        self.access = AccessFile(folder / "access.json")
        self.tally = CallTally()
        self.version: Version | None = None
        self.updating: Hash | None = None
        self.failed_update: tuple[Hash, Refusal] | None = None
        self.refused: dict[int, Refusal] = {}
        self.problem: Refusal | None = None
        self.assignments: Mapping[int, Assignment] = {}
        self.runs: dict[int, Run] = {}
        self._folder = folder
        self._tools = tools
        self._standing: Standing | None = None
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def take(self, standing: Standing) -> None:
        """Take what the chain says now."""
        self._standing = standing
        self.deal = standing.deals[self.deal.id]
        self.assignments = {
            held.id: held for held in standing.assignments.values() if held.deal == self.deal.id
        }
        for run in self.runs.values():
            run.serving_until = self._serving_until(run.assignment)
        self._wake.set()

    def poke(self) -> None:
        """Try again what failed, for instance because a new source is known."""
        self._wake.set()

    def state(self) -> HostState:
        """Return what the deal is on this peer now."""
        epoch = self._tools.now_epoch()
        if any(run.serving_until >= epoch for run in self.runs.values()):
            return HostState.SERVING
        if self._wanted():
            return HostState.FAILED if self.problem else HostState.STARTING
        over = (DealState.LAPSED, DealState.STOPPING, DealState.ENDED)
        return HostState.SUSPENDED if self.deal.status in over else HostState.ENDED

    def pick(self) -> Run:
        """Return the run that takes the next call: the least busy one.

        Raises RunwayOver, NotFound (no part of the deal any more), Unreachable (starting).
        """
        epoch = self._tools.now_epoch()
        best: Run | None = None
        for run in self.runs.values():
            if run.serving_until >= epoch and (best is None or run.load < best.load):
                best = run
        if best is not None:
            return best
        match self.state():
            case HostState.SUSPENDED:
                raise RunwayOver(
                    f"nothing pays for deal {self.deal.id} any more",
                    remedy="top it up before its runway is over; afterwards it needs a new match",
                )
            case HostState.ENDED:
                raise NotFound(f"this peer has no part in deal {self.deal.id} any more")
            case HostState.FAILED if self.problem:
                raise NotServing(f"deal {self.deal.id} does not start: {self.problem.detail}")
            case _:
                raise NotServing(f"deal {self.deal.id} is starting", remedy="try in a moment")

    async def call(self, request: CallRequest) -> Recorded:
        """Run a call on the least busy run and write its receipt. Raises as `pick`, and what kept
        the call from reaching a worker.
        """
        return await self.pick().call(request, self._tools.book, self.tally)

    def ready(self) -> set[int]:
        """Return the assignments that have workers."""
        return set(self.runs)

    async def close(self) -> None:
        """Stop everything here; the chain knows nothing of it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        runs, self.runs = list(self.runs.values()), {}
        await asyncio.gather(*(run.workers.stop() for run in runs))
        self.tally.log.close()

    async def _run(self) -> None:
        while True:
            waiting = self._tools.retry_seconds if self._has_transient_failure() else None
            try:
                async with asyncio.timeout(waiting):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._converge()
            except MarketError as error:
                self._fail(to_refusal(error))
            except OSError as error:
                self._fail(Refusal(LeaveReason.OUT_OF_CAPACITY, f"{error.strerror or error}"))
            except Exception:
                # The loop of this deal: a bug in it must not leave the deal without one.
                logger.exception("unexpected failure", extra={"deal": self.deal.id})
                self._fail(Refusal(LeaveReason.FAILED_TO_START, "the peer failed unexpectedly"))

    async def _converge(self) -> None:
        wanted = self._wanted()
        for assignment in [known for known in self.runs if known not in wanted]:
            await self._retire(assignment)
        self.refused = {i: why for i, why in self.refused.items() if i in wanted}
        wanted = {i: held for i, held in wanted.items() if i not in self.refused}
        if not wanted:
            return
        if not self._admit(wanted):
            return
        if self.version is None:
            self.version = await self._first_version(wanted)
            self._save_version(self.version.app)
        if self.deal.app != self.version.app and self._may_update():
            await self._update(self.deal.app)
        for assignment, held in wanted.items():
            if assignment not in self.runs:
                await self._start(held, self.version)
        self.problem = None

    def _wanted(self) -> dict[int, Assignment]:
        epoch = self._tools.now_epoch()
        return {
            i: held
            for i, held in self.assignments.items()
            if (held.state == State.PENDING and held.alive) or is_serving(held, self.deal, epoch)
        }

    def _serving_until(self, assignment: int) -> int:
        held = self.assignments.get(assignment)
        return -1 if held is None else serving_until(held, self.deal)

    def _admit(self, wanted: Mapping[int, Assignment]) -> bool:
        """Refuse PENDING assignments against the policy; say whether anything is left to run."""
        pending = [held for held in wanted.values() if held.state == State.PENDING]
        if not pending:
            return True
        rate = sum(held.price * held.units for held in pending)
        applicant = Applicant(
            self.deal.developer,
            sum(held.units for held in wanted.values()),
            self.deal.balance // (self.deal.rate + rate) if rate else 0,
        )
        try:
            check_applicant(self._tools.policy, applicant)
        except MarketError as error:
            self._refuse(pending, to_refusal(error))
            return len(wanted) > len(pending)
        return True

    async def _first_version(self, wanted: Mapping[int, Assignment]) -> Version:
        """Return what is to run: after a restart what ran before, else what the chain names."""
        running = any(held.state != State.PENDING for held in wanted.values())
        stored = self._stored_version() if running else None
        apps = [self.deal.app] if stored is None else [stored, self.deal.app]
        for app in apps[:-1]:
            try:
                return await self._prepare(app)
            except MarketError as error:
                logger.warning(
                    "the version that ran before is lost",
                    extra={"deal": self.deal.id, "app": app, "error": error.detail},
                )
        return await self._prepare(apps[-1])

    async def _prepare(self, app: Hash) -> Version:
        standing = self._standing
        assert standing is not None
        return await self._tools.preparer.prepare(
            app, standing.memory_mib, self._folder / "storage", self._find_sources
        )

    def _find_sources(self) -> tuple[str, ...]:
        tools = self._tools
        return (*tools.hints.get(self.deal.id), *tools.gateways, *self.deal.endpoints)

    async def _start(self, held: Assignment, version: Version) -> None:
        if held.state == State.PENDING and self.failed_update is not None:
            self._refuse([held], self.failed_update[1])
            return
        workers = Workers(version, held.units, self._tools.cache)
        async with self._tools.starting:
            await workers.start()
        run = Run(held.id, held.units, workers, self._tools.book.open(held.id, self.deal.id))
        run.serving_until = self._serving_until(held.id)
        self.runs[held.id] = run
        logger.info("assignment ready", extra={"deal": self.deal.id, "assignment": held.id})
        self._tools.changed()

    async def _update(self, app: Hash) -> None:
        """Start the new version beside the old one and switch once all of it is healthy."""
        self.updating, self.failed_update = app, None
        started: dict[int, Workers] = {}
        try:
            version = await self._prepare(app)
            async with self._tools.starting:
                for run in self.runs.values():
                    workers = Workers(version, run.units, self._tools.cache)
                    await workers.start()
                    started[run.assignment] = workers
        except (MarketError, OSError) as error:
            why = (
                to_refusal(error)
                if isinstance(error, MarketError)
                else Refusal(LeaveReason.OUT_OF_CAPACITY, str(error))
            )
            self.failed_update = (app, why)
            logger.warning(
                "update failed, the old version stays",
                extra={"deal": self.deal.id, "app": app, "why": why.detail},
            )
            await asyncio.gather(*(workers.stop() for workers in started.values()))
            return
        finally:
            self.updating = None
        # On disk first: a crash from here on restarts with the version that was found healthy.
        self._save_version(app)
        self.version = version
        old = []
        for assignment, workers in started.items():
            old.append(self.runs[assignment].workers)
            self.runs[assignment].workers = workers
        logger.info("updated", extra={"deal": self.deal.id, "app": app})
        await asyncio.gather(*(workers.stop() for workers in old))

    async def _retire(self, assignment: int) -> None:
        run = self.runs.pop(assignment)
        logger.info("assignment over", extra={"deal": self.deal.id, "assignment": assignment})
        await run.workers.stop()

    def _fail(self, why: Refusal) -> None:
        """Refuse what is PENDING; for what runs on paper, keep trying."""
        wanted = [held for i, held in self._wanted().items() if i not in self.runs]
        pending = [held for held in wanted if held.state == State.PENDING]
        self._refuse(pending, why)
        if not self.runs:
            # What was prepared may be what is broken: make it anew.
            self.version = None
        if len(pending) < len(wanted):
            if self.problem != why:
                logger.warning("cannot serve", extra={"deal": self.deal.id, "why": why.detail})
            self.problem = why

    def _refuse(self, pending: list[Assignment], why: Refusal) -> None:
        for held in pending:
            self.refused[held.id] = why
            logger.warning(
                "assignment refused",
                extra={
                    "deal": self.deal.id,
                    "assignment": held.id,
                    "reason": int(why.reason),
                    "why": why.detail,
                },
            )
        if pending:
            self._tools.changed()

    def _may_update(self) -> bool:
        failed = self.failed_update
        return failed is None or failed[0] != self.deal.app or failed[1].reason in TRANSIENT

    def _has_transient_failure(self) -> bool:
        if self.problem is not None:
            return True
        return self.failed_update is not None and self.failed_update[1].reason in TRANSIENT

    def _save_version(self, app: Hash) -> None:
        write_atomically(self._folder / VERSION_FILE, app.encode())

    def _stored_version(self) -> Hash | None:
        try:
            return parse_hash((self._folder / VERSION_FILE).read_text().strip())
        except (FileNotFoundError, InvalidInput):
            return None


class NotServing(Unreachable):
    """The deal is not being served yet"""

    slug = "starting"
