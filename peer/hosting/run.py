"""One assignment being served: its workers, its receipts, the calls under way."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kernel.errors import MarketError, Unreachable
from kernel.hashing import sha256
from kernel.receipts import CallStatus, function_hash
from peer.hosting.refusals import Unhealthy
from peer.hosting.versions import Version
from peer.receipts.book import ReceiptBook
from peer.receipts.chain_file import CallRecord, Head, ReceiptChain
from peer.runtime.effectors.effects import Effects
from peer.runtime.errors import GuestFault
from peer.runtime.nursery import Nursery
from peer.runtime.pool import PoolSettings, WorkerPool
from peer.runtime.service import BodyKind, CallResult
from peer.service_log import ServiceLog

logger = logging.getLogger(__name__)

NO_OUTPUT = sha256(b"")
DRAIN_MARGIN = 2.0
"""Seconds beyond a call's own limit that an old version waits for its calls."""


class NoReceipt(Unreachable):
    """The call cannot be recorded"""

    slug = "no-receipt"


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call as it came in; `time` is the chain's at its start."""

    service: str
    function: str
    body: bytes
    kind: BodyKind
    time: int
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a call ended, and its receipt; `fault` is None when it was answered."""

    head: Head
    chain: ReceiptChain
    fuel: int
    output: bytes
    fault: GuestFault | None


@dataclass(slots=True)
class CallTally:
    """What a deal's calls did since the process started, and what they logged."""

    log: ServiceLog = field(default_factory=ServiceLog)
    by_status: dict[CallStatus, int] = field(default_factory=lambda: dict.fromkeys(CallStatus, 0))
    fuel: int = 0
    duration_us: int = 0

    def add(self, call: CallRecord) -> None:
        """Count a call."""
        self.by_status[call.status] += 1
        self.fuel += call.fuel
        self.duration_us += call.duration_us


class Workers:
    """The worker processes of one assignment on one version of its app."""

    def __init__(
        self,
        version: Version,
        units: int,
        cache: Path,
        effects: Effects,
        nursery: Nursery,
        idle_seconds: float,
    ) -> None:
        """Workers come from `nursery`, and end when they had no call for `idle_seconds`."""
        self.version = version
        self.pool = WorkerPool(
            version.specs,
            units=units,
            cache_dir=cache,
            settings=PoolSettings(idle_seconds=idle_seconds or None),
            effects=effects,
            nursery=nursery,
        )
        self._modules = {spec.name: spec.facade.digest for spec in version.specs}
        self._functions: dict[tuple[str, str], bytes] = {}
        self._inflight = 0
        self._drained = asyncio.Event()
        self._drained.set()

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
        if msgspec.json.decode(result.output).get("result") is False:
            raise Unhealthy(f"{health.service}.{health.function} answered false")

    async def call(self, request: CallRequest) -> CallResult:
        """Run a call. Raises GuestFault; any other error means that it reached no worker."""
        self._inflight += 1
        self._drained.clear()
        try:
            return await self.pool.call(
                request.service,
                request.function,
                request.body,
                request.kind,
                parameters=request.parameters,
            )
        finally:
            self._inflight -= 1
            if not self._inflight:
                self._drained.set()

    def module_of(self, service: str) -> bytes:
        """Return sha256 of a service's facade."""
        return self._modules[service]

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
                await self._drained.wait()
        except TimeoutError:
            logger.warning("calls were cut off", extra={"calls": self._inflight})
        await self.pool.stop()


class Run:
    """An assignment that has workers."""

    def __init__(self, assignment: int, units: int, workers: Workers, chain: ReceiptChain) -> None:
        self.assignment = assignment
        self.units = units
        self.workers = workers
        self.chain = chain
        self.serving_until = -1

    @property
    def load(self) -> float:
        """Return calls under way per unit."""
        return self.workers.inflight / self.units

    async def call(self, request: CallRequest, book: ReceiptBook, tally: CallTally) -> Recorded:
        """Run a call and write its receipt, whatever became of it.

        Raises what kept the call from reaching a worker: no receipt then.
        """
        workers = self.workers
        began = time.perf_counter_ns()
        try:
            result = await workers.call(request)
            status, output, fuel = CallStatus.ANSWERED, result.output, result.fuel
            duration, fault, lines = result.duration_us, None, result.logs
        except GuestFault as error:
            status, output, fuel = CallStatus(int(error.kind)), b"", error.fuel
            duration, fault, lines = error.duration_us, error, error.logs
        duration = duration or (time.perf_counter_ns() - began) // 1_000
        record = CallRecord(
            module=workers.module_of(request.service),
            function=workers.name_of(request.service, request.function),
            input=sha256(request.body),
            output=sha256(output) if output else NO_OUTPUT,
            status=status,
            fuel=fuel,
            duration_us=duration,
            time=request.time,
        )
        try:
            head = await book.record(self.chain, record)
        except OSError as error:
            raise NoReceipt(
                f"the call's receipt cannot be written: {error.strerror}",
                remedy="call another peer of the deal",
            ) from error
        tally.add(record)
        if lines:
            tally.log.add(request.time, f"{request.service}.{request.function}", lines)
        return Recorded(head, self.chain, fuel, output, fault)
