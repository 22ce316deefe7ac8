"""Run the services of an assignment on as many worker processes as it has compute units."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peer.runtime.abi.described import describe_interface
from peer.runtime.abi.guest_types import Interface
from peer.runtime.components.check import learn_interface
from peer.runtime.effectors.effects import Effects
from peer.runtime.errors import (
    FunctionNotFound,
    InputTooLarge,
    ModuleError,
    NoWorker,
    PoolBusy,
    StartFailed,
    list_known,
)
from peer.runtime.messages import Answer, Call, Setup, build_fault, encode_frame
from peer.runtime.module.service import (
    BodyKind,
    GuestResult,
    ServiceSpec,
    validate_spec,
)
from peer.runtime.sandbox.storage_guard import StorageLimits
from peer.runtime.workers.cores import Rank
from peer.runtime.workers.process import Outcome, Ticket, WorkerProcess
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.documents.receipts import CallStatus
from wasmarket.kernel.errors import MarketError, NotFound
from wasmarket.serving.daemon import Pace, TaskLoop

logger = logging.getLogger(__name__)

PLAN_SECONDS = 20.0
"""How long reading and checking the modules of a pool may take."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Times in seconds: to load a worker, beyond a call's own time, to wait for a free worker.

    With `idle_seconds`, a worker that has had no call for so long is ended, and started again when
    a call needs it; `start` then starts one worker, to see that the services come up.
    `rank` is that of the workers among all that runs on the machine.
    """

    start_seconds: float = 60.0
    grace_seconds: float = 1.0
    queue_seconds: float = 30.0
    queue_length: int = 1_000
    restart_seconds: float = 0.1
    restart_seconds_max: float = 5.0
    idle_seconds: float | None = None
    rank: Rank = field(default_factory=Rank)
    storage: StorageLimits = field(default_factory=StorageLimits)


class WorkerPool:
    """N workers that host the same services; each runs one call at a time.

    While calls are short a worker is given a few at once, which it answers together.
    """

    def __init__(
        self,
        specs: Iterable[ServiceSpec],
        *,
        units: int,
        cache_dir: Path,
        settings: PoolSettings | None = None,
        effects: Effects | None = None,
        spawner: WorkerSpawner | None = None,
    ) -> None:
        """`effects` does what guests ask of effectors; without it, there are none.

        Workers come from `spawner`, or from one of this pool's own.
        """
        self._spawner = spawner or WorkerSpawner()
        self._owns_spawner = spawner is None
        self._specs = {spec.name: spec for spec in specs}
        self._units = units
        self._settings = settings or PoolSettings()
        self._setup = Setup(tuple(self._specs.values()), cache_dir, self._settings.storage)
        self._effects = effects
        self._interfaces: dict[str, Interface] = {}
        idle = self._settings.idle_seconds
        pace = Pace(idle and idle / 2, waits_first=True)
        self._dismissing = TaskLoop("idle workers", self._dismiss_idle, pace)
        self._workers: set[WorkerProcess] = set()
        self._waiting: deque[Ticket] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[WorkerProcess] = set()
        self._starting = 0
        self._is_stopping = False
        self.restarts = 0

    def start_later(self) -> None:
        """Let the first call start a worker: for services that are known to come up."""
        self._dismissing.start()
        self._spawn(self._learn_ahead())

    async def start(self) -> None:
        """Check every module, then start the workers.

        Raise `ModuleError` (its `reason` is the leave reason), `ContentNotFound` or `BadContent`.
        """
        for spec in self._specs.values():
            validate_spec(spec)
        await self._learn_interfaces()
        try:
            await self._add_worker()  # NOTE: compiles; the others find the code in the cache
            if self._settings.idle_seconds is not None:
                self._dismissing.start()
                return
            others = [self._add_worker() for _ in range(1, self._units)]
            for outcome in await asyncio.gather(*others, return_exceptions=True):
                if outcome is not None:
                    raise outcome
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all workers; calls under way fail."""
        self._is_stopping = True
        await self._dismissing.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for ticket in tuple(self._waiting):
            self._forsake(ticket)
            ticket.done(NoWorker("the service is being stopped"))
        await asyncio.gather(*(worker.stop() for worker in self._workers | self._leaving))
        self._workers.clear()
        if self._owns_spawner:
            await self._spawner.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the live workers."""
        return tuple(worker.pid for worker in self._workers if worker.is_alive)

    @property
    def has_room(self) -> bool:
        """Tell whether a call would go to a worker at once, or have one started."""
        return self._choose() is not None or len(self._workers) + self._starting < self._units

    @property
    def services(self) -> tuple[str, ...]:
        """Return the names of the hosted services."""
        return tuple(self._specs)

    def interface(self, service: str) -> dict[str, object]:
        """Return what `get_interface` does as JSON-able values."""
        return describe_interface(self.get_interface(service))

    async def call(
        self,
        service: str,
        function: str,
        body: bytes,
        kind: BodyKind = BodyKind.JSON,
        *,
        parameters: Mapping[str, Any] | None = None,
    ) -> GuestResult:
        """Run a function and return its answer; raise a `GuestFault` that says how it failed.

        `NotFound`, `PoolBusy` and `NoWorker` mean that the call never reached a worker.
        `parameters` are what the guest gets from `get_call_parameters`, by field name.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def settle(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        ticket = self.submit(service, function, body, kind, dict(parameters or {}), settle)
        try:
            outcome = await future
        except asyncio.CancelledError:
            self._forsake(ticket)
            ticket.is_forsaken = True
            raise
        if not isinstance(outcome, Answer):
            raise outcome
        if outcome.status != CallStatus.ANSWERED:
            raise build_fault(outcome)
        return GuestResult(outcome.output, outcome.fuel, outcome.duration_us, tuple(outcome.logs))

    def submit(
        self,
        service: str,
        function: str,
        body: bytes,
        kind: BodyKind,
        parameters: dict[str, Any],
        done: Callable[[Outcome], None],
    ) -> Ticket:
        """Let a function run; `done` is told how it ended. For the event loop only.

        Raises as `call` what is known at once; nothing runs then.
        """
        interface = self._interfaces.get(service) or self.get_interface(service)
        if function not in interface.functions:
            raise FunctionNotFound(
                f"service {service} has no function {function:.80}",
                field="function",
                remedy=list_known(interface.functions),
            )
        limits = self._specs[service].limits
        if len(body) > limits.input_bytes:
            raise InputTooLarge(
                f"the body has {len(body)} bytes, more than its limit of {limits.input_bytes}"
            )
        frame = encode_frame(Call(service, function, body, kind, parameters))
        ticket = Ticket(frame, limits.call_ms, self._settings.grace_seconds, done)
        self._place(ticket)
        return ticket

    async def _learn_interfaces(self) -> None:
        """Read and check every module, beside the event loop: strangers wrote them.

        Raises as `start` does.
        """
        try:
            async with self._spawner.planning, asyncio.timeout(PLAN_SECONDS):
                for spec in self._specs.values():
                    if spec.name not in self._interfaces:
                        self._interfaces[spec.name] = await asyncio.to_thread(learn_interface, spec)
        except TimeoutError as error:
            raise StartFailed(f"checking the modules takes more than {PLAN_SECONDS:g} s") from error

    async def _learn_ahead(self) -> None:
        try:
            await self._learn_interfaces()
        except (MarketError, OSError) as error:
            # Whoever calls first is told.
            logger.warning("modules not read", extra={"why": str(error)})

    def get_interface(self, service: str) -> Interface:
        """Return the typed signatures of a service; raise `NotFound`."""
        known = self._interfaces.get(service)
        if known is None:
            spec = self._specs.get(service)
            if spec is None:
                raise NotFound(
                    f"there is no service {service:.80}",
                    field="service",
                    remedy=list_known(self._specs),
                )
            # Started later, and called before the modules were read: they were well before.
            known = self._interfaces[service] = learn_interface(spec)
        return known

    def _place(self, ticket: Ticket) -> None:
        """Give a call to the least busy worker that has room, or let it wait."""
        worker = self._choose()
        if len(self._workers) + self._starting < self._units and (worker is None or worker.load):
            self._grow()
        if worker is not None and not self._waiting:
            worker.submit(ticket)
            return
        if self._is_stopping:
            raise NoWorker("the service is stopped")
        if len(self._waiting) >= self._settings.queue_length:
            raise PoolBusy(f"{len(self._waiting)} calls are waiting already", remedy="try later")
        self._wait(ticket)

    def _choose(self) -> WorkerProcess | None:
        best: WorkerProcess | None = None
        for worker in self._workers:
            if worker.is_alive and worker.has_room and (best is None or worker.load < best.load):
                best = worker
        return best

    def _grow(self) -> None:
        """Start another worker if there are fewer than units."""
        if not self._is_stopping and len(self._workers) + self._starting < self._units:
            self._starting += 1
            self._spawn(self._start_another())

    def _wait(self, ticket: Ticket, *, first: bool = False) -> None:
        loop = asyncio.get_running_loop()
        ticket.timer = loop.call_later(self._settings.queue_seconds, self._expire, ticket)
        if first:
            self._waiting.appendleft(ticket)
        else:
            self._waiting.append(ticket)

    def _expire(self, ticket: Ticket) -> None:
        self._forsake(ticket)
        ticket.done(NoWorker("no worker came free in time", remedy="try later"))

    def _forsake(self, ticket: Ticket) -> None:
        """Take a call out of the queue; one that a worker has runs to its end."""
        if ticket.timer is not None:
            ticket.timer.cancel()
            ticket.timer = None
            self._waiting.remove(ticket)

    def feed(self, worker: WorkerProcess) -> None:
        """Give a worker the calls that have waited longest, as many as it has room for."""
        while self._waiting and worker.is_alive and worker.has_room:
            ticket = self._waiting.popleft()
            if ticket.timer is not None:
                ticket.timer.cancel()
                ticket.timer = None
            worker.submit(ticket)

    def take_back(self, worker: WorkerProcess, tickets: list[Ticket]) -> None:
        """Let calls that a lost or slow worker never began go before all others to the next."""
        for ticket in reversed(tickets):
            if self._is_stopping:
                ticket.done(NoWorker("the service is being stopped"))
            elif ticket.tries > self._units:
                ticket.done(NoWorker("the workers keep dying", remedy="try later"))
            else:
                self._wait(ticket, first=True)
        for other in self._workers:
            if other is not worker:
                self.feed(other)
        if self._waiting:
            self._grow()

    async def _add_worker(self) -> None:
        await self._spawner.compile(self._setup)
        known, seconds = self._settings, self._settings.start_seconds
        worker = await WorkerProcess.start(
            self._setup, self, self._spawner, seconds, self._effects, known.rank
        )
        self._workers.add(worker)
        if not known.rank.is_background:
            self._spawner.cores.place(worker)
        worker.lost.add_done_callback(lambda _: self._lose(worker))
        self.feed(worker)

    def _lose(self, worker: WorkerProcess) -> None:
        self._spawner.cores.release(worker)
        if not self._is_stopping and worker in self._workers:
            self._spawn(self._replace(worker))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work beside the calls failed", exc_info=error)

    async def _replace(self, worker: WorkerProcess) -> None:
        self._starting += 1
        await self._let_go(worker)
        self.restarts += 1
        logger.warning("worker replaced", extra={"services": self.services})
        await self._start_another()

    async def _start_another(self) -> None:
        """Start a worker, which counts as starting already, however often it takes."""
        pause = self._settings.restart_seconds
        try:
            while True:
                try:
                    return await self._add_worker()
                except (ModuleError, OSError) as error:
                    logger.error("worker does not start", extra={"error": str(error)})
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._settings.restart_seconds_max)
        finally:
            self._starting -= 1

    async def _dismiss_idle(self) -> None:
        """End workers that have had no call for some time."""
        now, seconds = asyncio.get_running_loop().time(), self._settings.idle_seconds or 0.0
        for worker in tuple(self._workers):
            if not worker.load and now - worker.idle_since >= seconds:
                await self._let_go(worker)

    async def _let_go(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        self._leaving.add(worker)
        await worker.stop()
        self._leaving.discard(worker)
