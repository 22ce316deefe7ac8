"""One assignment being served: its workers, its receipts, the calls under way."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peer.hosting.function_tally import FunctionTally
from peer.hosting.refusals import Unhealthy
from peer.hosting.versions import Version
from peer.receipts.chain_file import CallRecord, ReceiptChain
from peer.receipts.epoch_files import ChainHead
from peer.receipts.receipt_log import ReceiptLog
from peer.runtime.effectors.effects import Effects
from peer.runtime.errors import GuestFault
from peer.runtime.messages import Answer, build_fault
from peer.runtime.module.service import BodyKind
from peer.runtime.sandbox.storage_guard import StorageLimits
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.process import Outcome, Ticket
from peer.runtime.workers.spawner import WorkerSpawner
from peer.service_log import ServiceLog
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.documents.receipts import CallStatus, function_hash
from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket.kernel.hashing import sha256

logger = logging.getLogger(__name__)

NO_OUTPUT = sha256(b"")
ANSWERED = int(CallStatus.ANSWERED)
DRAIN_MARGIN = 2.0
"""Seconds beyond a call's own limit that an old version waits for its calls."""


class NoReceipt(Unreachable):
    """Receipt not written"""

    slug = "no-receipt"


@dataclass(slots=True)
class CallRequest:
    """A call as it came in; `time` is the chain's at its start."""

    service: str
    function: str
    body: bytes
    kind: BodyKind
    time: int
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Recorded:
    """How a call ended, and its receipt; `fault` is None when it was answered."""

    head: ChainHead
    chain: ReceiptChain
    fuel: int
    output: bytes
    fault: GuestFault | None
    given_at: float = 0.0
    """When a worker was given the call, on the monotonic clock; 0 if none was."""


Deliver = Callable[[Recorded | Exception], None]
"""Told once how a call ended, or what kept it from a worker or from its receipt."""


@dataclass(slots=True)
class CallTally:
    """What a deal's calls did since the process started, and what they logged."""

    log: ServiceLog = field(default_factory=ServiceLog)
    counts: list[int] = field(default_factory=lambda: [0] * len(CallStatus))
    fuel: int = 0
    duration_us: int = 0
    functions: dict[bytes, FunctionTally] = field(default_factory=dict)
    """By `function_hash`; only exported functions get a receipt."""

    @property
    def by_status(self) -> dict[CallStatus, int]:
        """Return how many calls ended in each way."""
        return {status: self.counts[status] for status in CallStatus}

    def add(self, call: CallRecord) -> None:
        """Count a call."""
        self.counts[call.status] += 1
        self.fuel += call.fuel
        self.duration_us += call.duration_us
        tally = self.functions.get(call.function)
        if tally is None:
            tally = self.functions[call.function] = FunctionTally()
        tally.add(call)


class Workers:
    """The worker processes of one assignment on one version of its app."""

    def __init__(
        self,
        version: Version,
        units: int,
        cache: Path,
        effects: Effects,
        spawner: WorkerSpawner,
        idle_seconds: float,
        storage: StorageLimits | None = None,
    ) -> None:
        """Workers come from `spawner`, and end when they had no call for `idle_seconds`."""
        self.version = version
        self.pool = WorkerPool(
            version.specs,
            units=units,
            cache_dir=cache,
            settings=PoolSettings(
                idle_seconds=idle_seconds or None, storage=storage or StorageLimits()
            ),
            effects=effects,
            spawner=spawner,
        )
        self.app = raw(version.app)
        """What receipts of calls say that ran."""
        self._functions: dict[tuple[str, str], bytes] = {}
        self._inflight = 0
        self._drained: asyncio.Event | None = None

    @property
    def inflight(self) -> int:
        """Return how many calls are under way."""
        return self._inflight

    async def start(self) -> None:
        """Start the workers and ask for their health.

        Raises ModuleError, ContentNotFound, BadContent, Unhealthy.
        """
        await self.pool.start()
        try:
            await self.check_health()
        except BaseException:
            await self.pool.stop()
            raise

    def start_later(self) -> None:
        """Let the first call start a worker; only for a version that was healthy here before."""
        self.pool.start_later()

    async def check_health(self) -> None:
        """Call the app's health function, if it names one. Raises Unhealthy."""
        health = self.version.manifest.health
        if health is None:
            return
        try:
            result = await self.pool.call(health.service, health.function, b"[]")
        except MarketError as error:
            raise Unhealthy(
                f"{health.service}.{health.function} failed: {error.detail}", remedy=error.remedy
            ) from error
        if decode_json(result.output).get("result") is False:
            raise Unhealthy(f"{health.service}.{health.function} answered false")

    def submit(self, request: CallRequest, done: Callable[[Outcome], None]) -> Ticket:
        """Let a call run. Raises as `WorkerPool.submit`; else `leave` is to follow `done`."""
        ticket = self.pool.submit(
            request.service,
            request.function,
            request.body,
            request.kind,
            request.parameters,
            done,
        )
        self._inflight += 1
        return ticket

    def leave(self) -> None:
        """Say that a call that was submitted is over."""
        self._inflight -= 1
        if not self._inflight and self._drained is not None:
            self._drained.set()

    def name_of(self, service: str, function: str) -> bytes:
        """Return the function's hash for receipts; only exported functions are kept."""
        key = (service, function)
        known = self._functions.get(key)
        if known is None:
            known = self._functions[key] = function_hash(service, function)
        return known

    async def stop(self) -> None:
        """Let calls under way end, then end the workers."""
        limit = self.version.manifest.limits.call_ms / 1_000 + DRAIN_MARGIN
        try:
            async with asyncio.timeout(limit):
                while self._inflight:
                    self._drained = asyncio.Event()
                    await self._drained.wait()
        except TimeoutError:
            logger.warning("calls were cut off", extra={"calls": self._inflight})
        await self.pool.stop()


class ServedAssignment:
    """An assignment that has workers."""

    def __init__(self, assignment: int, units: int, workers: Workers, chain: ReceiptChain) -> None:
        self.assignment = assignment
        self.units = units
        self.workers = workers
        self.chain = chain
        self.serving_until = -1
        self.work_limit: int | None = None
        """From how much work on nothing more is done on credit; None in a reserved deal."""

    @property
    def has_credit(self) -> bool:
        """Whether more may be done before more is paid."""
        return self.work_limit is None or self.chain.work_done < self.work_limit

    @property
    def load(self) -> float:
        """Return calls under way per unit."""
        return self.workers.inflight / self.units

    def submit(
        self, request: CallRequest, book: ReceiptLog, tally: CallTally, deliver: Deliver
    ) -> None:
        """Run a call and write its receipt, whatever becomes of it; `deliver` is told.

        Raises what is known at once to keep the call from a worker; `deliver` is not told then.
        """
        call = _RunningCall(self, request, book, tally, deliver)
        try:
            call.ticket = self.workers.submit(request, call.end)
        except GuestFault as fault:
            call.fail(fault)


class _RunningCall:
    """A call between its start and its receipt."""

    __slots__ = (
        "_began",
        "_book",
        "_deliver",
        "_fault",
        "_given_at",
        "_logs",
        "_output",
        "_record",
        "_request",
        "_run",
        "_tally",
        "_workers",
        "ticket",
    )

    def __init__(
        self,
        run: ServedAssignment,
        request: CallRequest,
        book: ReceiptLog,
        tally: CallTally,
        deliver: Deliver,
    ) -> None:
        self._run = run
        # An update may replace the run's workers meanwhile.
        self._workers = run.workers
        self._request = request
        self._book = book
        self._tally = tally
        self._deliver = deliver
        self._began = time.perf_counter_ns()
        self._output = b""
        self._logs: Sequence[str] = ()
        self._fault: GuestFault | None = None
        self._record: CallRecord | None = None
        self.ticket: Ticket | None = None
        self._given_at = 0.0

    def end(self, outcome: Outcome) -> None:
        """Take how the call ended."""
        if self.ticket is not None:
            # Each has the other: apart, both go when they are done.
            self._given_at, self.ticket = self.ticket.given_at, None
        if isinstance(outcome, Answer):
            if outcome.status == ANSWERED:
                self._output, self._logs = outcome.output, outcome.logs
                self._write(ANSWERED, outcome.fuel, outcome.duration_us)
            else:
                self.fail(build_fault(outcome))
        elif isinstance(outcome, GuestFault):
            self.fail(outcome)
        else:
            self._deliver(outcome)
        self._workers.leave()

    def fail(self, fault: GuestFault) -> None:
        """Take the fault with which the call ended."""
        self._fault, self._logs = fault, fault.logs
        self._write(int(fault.kind), fault.fuel, fault.duration_us)

    def _write(self, status: int, fuel: int, duration_us: int) -> None:
        """Have the receipt written."""
        request, workers, output = self._request, self._workers, self._output
        self._record = CallRecord(
            workers.app,
            workers.name_of(request.service, request.function),
            sha256(request.body),
            sha256(output) if output else NO_OUTPUT,
            status,
            fuel,
            len(request.body) + len(output),
            duration_us or (time.perf_counter_ns() - self._began) // 1_000,
            request.time,
        )
        self._book.record(self._run.chain, self._record, self._finish)

    def _finish(self, head: ChainHead | Exception) -> None:
        """Count the call and deliver it with its receipt, or say why there is none."""
        record, request = self._record, self._request
        if not isinstance(head, ChainHead):
            self._deliver(_describe(head))
            return
        assert record is not None
        self._tally.add(record)
        if self._logs:
            name = f"{request.service}.{request.function}"
            self._tally.log.add(request.time, name, tuple(self._logs))
        run = self._run
        self._deliver(
            Recorded(head, run.chain, record.fuel, self._output, self._fault, self._given_at)
        )


def _describe(error: Exception) -> Exception:
    if not isinstance(error, OSError):
        return error
    return NoReceipt(
        f"the call's receipt cannot be written: {error.strerror}",
        remedy="call another peer of the deal",
    )
