"""Keep one deal running, from its first assignment to its last paid epoch.

`converge` compares what the chain wants with what runs and closes the gap; it can be cut short
anywhere and called again. Only the chain ends a run: a failure leaves what serves as it is.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from peer.access import AccessFile
from peer.chain_state.view import Assignment, ChainView, Deal, State
from peer.documents.pauses import FILE as PAUSES_FILE
from peer.documents.pauses import PauseFile, Pauses
from peer.documents.secret_store import FILE as SECRETS_FILE
from peer.documents.secret_store import SecretStore
from peer.folder import write_atomically
from peer.hosting.deal_context import DealContext
from peer.hosting.hosted_deal import HostedDeal
from peer.hosting.refusals import Refusal, to_refusal
from peer.hosting.served_assignment import ServedAssignment, Workers
from peer.hosting.versions import Version
from peer.hosting.wanted import build_applicant
from peer.policy.policy import check_applicant
from peer.runtime.sandbox.storage_guard import StorageLimits
from peer.service_log import ServiceLog
from peer.vouchers.credit import work_limit
from wasmarket.kernel.addresses import parse_hash
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.kernel.reasons import LeaveReason
from wasmarket.kernel.units import Hash
from wasmarket.serving.daemon import Pace, TaskLoop

logger = logging.getLogger(__name__)

VERSION_FILE = "app"
SECRET_SECONDS = 10.0
"""How long a start waits for secrets that other peers have."""
SECRET_PAUSE = 0.05
TRANSIENT = (LeaveReason.CONTENT_NOT_FOUND, LeaveReason.CONTENT_MISMATCH)
"""Failures that may pass by themselves; others are tried again after a restart or an update."""


class DealHost(HostedDeal):
    """Makes a deal here what the chain says that it should be; on the event loop."""

    def __init__(self, deal: Deal, folder: Path, context: DealContext) -> None:
        log = ServiceLog(folder / "log", context.log_bytes)
        super().__init__(
            deal,
            AccessFile(folder / "access.json"),
            PauseFile(folder / PAUSES_FILE, Pauses()),
            SecretStore(folder / SECRETS_FILE, context.opener),
            log,
            context,
        )
        self._folder = folder
        self._chain_view: ChainView | None = None
        self._was_well = False
        self._retry_at = 0.0
        self._loop = TaskLoop(f"deal {deal.id}", self._take_turn, Pace(self._pause))
        self._asked = asyncio.ensure_future(self._ask_documents())
        self._loop.start()

    def take(self, chain_view: ChainView, assignments: Mapping[int, Assignment]) -> None:
        """Take what the chain says now; `assignments` are this deal's, by id."""
        before = self._chain_view
        deal = chain_view.deals[self.deal.id]
        if deal.app != self.deal.app:
            self.failed_update = None
        known = before is not None and before.epoch == chain_view.epoch
        self._chain_view = chain_view
        if known and (deal, assignments) == (self.deal, self.assignments):
            return
        self.deal, self.assignments = deal, assignments
        for run in self.runs.values():
            self._set_terms(run)
        self._loop.wake()

    def poke(self) -> None:
        """Try again what failed, for instance because a new source is known."""
        self._retry_at = 0.0
        self._loop.wake()

    async def end(self) -> None:
        """Stop everything for good: the chain has forgotten that this peer had a part in it."""
        try:
            self.secrets.forget()
        except OSError as error:
            # The next sweep removes the file.
            extra = {"deal": self.deal.id, "why": str(error)}
            logger.warning("secrets cannot be removed", extra=extra)
        await self.close()

    async def close(self) -> None:
        """Stop everything here; the chain knows nothing of it."""
        self._asked.cancel()
        await asyncio.gather(self._asked, self._loop.close(), return_exceptions=True)
        runs, self.runs = list(self.runs.values()), {}
        await asyncio.gather(*(run.workers.stop() for run in runs))
        self.tally.log.close()

    def _pause(self) -> float | None:
        return self._context.retry_seconds if self._may_pass() else None

    async def _take_turn(self) -> None:
        try:
            await self._converge()
        except (MarketError, OSError) as error:
            self._fail(to_refusal(error))
        except Exception:
            self._fail(Refusal(LeaveReason.FAILED_TO_START, "the peer failed unexpectedly"))
            raise

    async def _ask_documents(self) -> None:
        """Learn who may call before anybody is served; others had their say while we prepare."""
        await self._context.ask_documents(self)

    async def _wait_for_secrets(self) -> None:
        """Wait a while for what other peers of the deal seal to this one."""
        await self._asked
        with suppress(TimeoutError):
            async with asyncio.timeout(SECRET_SECONDS):
                while self.secrets.missing:
                    await asyncio.sleep(SECRET_PAUSE)

    async def _converge(self) -> None:
        wanted = self._wanted()
        for assignment in [known for known in self.runs if known not in wanted]:
            await self._retire(assignment)
        if not wanted and self.secrets.version:
            # What is over here is none of this peer's business any more.
            self.secrets.forget()
        self.refused = {i: why for i, why in self.refused.items() if i in wanted}
        self._admit(wanted)
        wanted = {i: held for i, held in wanted.items() if i not in self.refused}
        if not wanted or (self.problem and self._is_too_early()):
            return
        await self._context.check_host()
        if self.version is None:
            stored = self._stored_version()
            self.version = await self._first_version(wanted)
            self._was_well = self.version.app == stored
            self._save_version(self.version.app)
        if self.deal.app != self.version.app and self._may_update():
            self.version = await self._update(self.version, self.deal.app)
        for assignment, held in wanted.items():
            if assignment not in self.runs:
                await self._start(held, self.version)
        self.problem = None

    def _admit(self, wanted: Mapping[int, Assignment]) -> None:
        """Refuse new PENDING assignments that the policy does not allow."""
        new = [
            held
            for held in wanted.values()
            if held.state == State.PENDING and held.id not in self.runs
        ]
        if not new:
            return
        try:
            assert self._chain_view is not None
            check_applicant(
                self._context.policy.current,
                build_applicant(self.deal, list(wanted.values()), self._chain_view),
            )
        except MarketError as error:
            self._refuse([held for held in new if held.id not in self.refused], to_refusal(error))

    async def _first_version(self, wanted: Mapping[int, Assignment]) -> Version:
        """Return what is to run: after a restart what ran before, else what the chain names."""
        stored = self._stored_version()
        if stored and any(held.state != State.PENDING for held in wanted.values()):
            try:
                return await self._prepare(stored)
            except MarketError as error:
                logger.warning(
                    "the version that ran before is lost",
                    extra={"deal": self.deal.id, "app": stored, "error": error.detail},
                )
        return await self._prepare(self.deal.app)

    async def _prepare(self, app: Hash) -> Version:
        chain_view = self._chain_view
        assert chain_view is not None
        return await self._context.preparer.prepare(
            app,
            chain_view.memory_mib,
            self._folder / "storage",
            self._find_sources,
            is_metered=self.deal.is_metered,
        )

    def _set_terms(self, run: ServedAssignment) -> None:
        """Say until when and how far an assignment is served."""
        held = self.assignments.get(run.assignment)
        run.serving_until = self._serving_until(run.assignment)
        run.work_limit = None
        if held is not None and self.deal.is_metered:
            run.work_limit = work_limit(held, self.credit)

    def _find_sources(self) -> tuple[str, ...]:
        context = self._context
        return (*context.hints.get(self.deal.id), *context.gateways, *self.deal.endpoints)

    async def _start(self, held: Assignment, version: Version) -> None:
        failed = self.failed_update
        if held.state == State.PENDING and failed is not None and failed[0] == self.deal.app:
            self._refuse([held], failed[1])
            return
        workers = self._build_workers(version, held.units)
        if held.state == State.PENDING and version.manifest.effectors.secrets:
            await self._wait_for_secrets()
        if held.state == State.ACTIVE and self._was_well:
            # It was well before a restart: nothing starts until it is used.
            workers.start_later()
        else:
            async with self._context.starting:
                await workers.start()
        if held.state == State.PENDING:
            await self._asked
        chain = self._context.book.open(held.id, self.deal.id, self.deal.offer)
        run = ServedAssignment(held.id, held.units, workers, chain)
        self._set_terms(run)
        self.runs[held.id] = run
        logger.info("assignment ready", extra={"deal": self.deal.id, "assignment": held.id})
        self._context.changed()

    def _build_workers(self, version: Version, units: int) -> Workers:
        context = self._context
        effects = context.effectors.open(
            version.specs, self._folder, self._find_sources, self.secrets.read
        )
        policy = context.policy.current
        limits = version.manifest.limits
        storage = StorageLimits(
            policy.max_storage_bytes, policy.max_storage_files, context.reserve_bytes
        ).within(limits.storage_bytes, limits.storage_files)
        return Workers(
            version, units, context.cache, effects, context.spawner, context.idle_seconds, storage
        )

    async def _update(self, running: Version, app: Hash) -> Version:
        """Switch to `app` once all of it is healthy beside the old one; return what runs then."""
        # Why it failed before stays until it is known to go well: a try takes its time.
        self.updating = app
        try:
            version = await self._prepare(app)
            started = await self._start_beside(version)
        except (MarketError, OSError) as error:
            why = to_refusal(error)
            self.failed_update = (app, why)
            self._retry_at = asyncio.get_running_loop().time() + self._context.retry_seconds
            logger.warning(
                "update failed, the old version stays",
                extra={"deal": self.deal.id, "app": app, "why": why.detail},
            )
            return running
        finally:
            self.updating = None
        old = []
        for assignment, workers in started.items():
            old.append(self.runs[assignment].workers)
            self.runs[assignment].workers = workers
        self.version, self.failed_update = version, None
        logger.info("updated", extra={"deal": self.deal.id, "app": app})
        await asyncio.gather(*(workers.stop() for workers in old))
        return version

    async def _start_beside(self, version: Version) -> dict[int, Workers]:
        """Return healthy workers of `version` for every run, or none at all."""
        started: dict[int, Workers] = {}
        try:
            async with self._context.starting:
                for run in self.runs.values():
                    workers = self._build_workers(version, run.units)
                    await workers.start()
                    started[run.assignment] = workers
            # Before the switch: a crash from here on restarts with what was found healthy.
            self._save_version(version.app)
        except BaseException:
            await asyncio.gather(*(workers.stop() for workers in started.values()))
            raise
        return started

    async def _retire(self, assignment: int) -> None:
        run = self.runs[assignment]
        if len(self.runs) == 1 and self._context.before_end is not None:
            await self._context.before_end(self, run)
        del self.runs[assignment]
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
            self._retry_at = asyncio.get_running_loop().time() + self._context.retry_seconds

    def _refuse(self, pending: list[Assignment], why: Refusal) -> None:
        for held in pending:
            self.refused[held.id] = self.last_refusal = why
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
            self._context.changed()

    def _may_update(self) -> bool:
        failed = self.failed_update
        if failed is None or failed[0] != self.deal.app:
            return True
        return failed[1].reason in TRANSIENT and not self._is_too_early()

    def _may_pass(self) -> bool:
        """Say whether something failed that is worth another try by itself."""
        if self.problem is not None:
            return True
        return self.failed_update is not None and self.failed_update[1].reason in TRANSIENT

    def _is_too_early(self) -> bool:
        return asyncio.get_running_loop().time() < self._retry_at

    def _save_version(self, app: Hash) -> None:
        write_atomically(self._folder / VERSION_FILE, app.encode())

    def _stored_version(self) -> Hash | None:
        try:
            return parse_hash((self._folder / VERSION_FILE).read_text().strip())
        except (FileNotFoundError, InvalidInput):
            return None
