"""Run the services of an assignment on as many worker processes as it has compute units."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel.errors import NotFound
from kernel.receipts import CallStatus
from peer.runtime.effectors.effects import Effects
from peer.runtime.errors import (
    FAULTS,
    FunctionNotFound,
    GuestTimeout,
    GuestTrap,
    InputTooLarge,
    ModuleError,
    NoWorker,
    PoolBusy,
)
from peer.runtime.guest_types import Interface, describe_interface
from peer.runtime.links import plan_service
from peer.runtime.messages import Answer, Call, Setup
from peer.runtime.module_file import read_modules
from peer.runtime.service import BodyKind, CallResult, ServiceSpec, validate_spec
from peer.runtime.worker_process import WorkerLost, WorkerProcess

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Times in seconds: to load a worker, beyond a call's own time, to wait for a free worker.

    With `idle_seconds`, a worker that has had no call for so long is ended, and started again when
    a call needs it; `start` then starts one worker, to see that the services come up.
    """

    start_seconds: float = 60.0
    grace_seconds: float = 1.0
    queue_seconds: float = 30.0
    queue_length: int = 1_000
    restart_seconds: float = 0.1
    restart_seconds_max: float = 5.0
    idle_seconds: float | None = None


class WorkerPool:
    """N workers that host the same services; each runs one call at a time."""

    def __init__(
        self,
        specs: Iterable[ServiceSpec],
        *,
        units: int,
        cache_dir: Path,
        settings: PoolSettings | None = None,
        effects: Effects | None = None,
    ) -> None:
        """`effects` does what guests ask of effectors; without it, there are none."""
        self._specs = {spec.name: spec for spec in specs}
        self._units = units
        self._setup = Setup(tuple(self._specs.values()), cache_dir)
        self._settings = settings or PoolSettings()
        self._effects = effects
        self._interfaces: dict[str, Interface] = {}
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[WorkerProcess] = set()
        self._starting = 0
        self._idle_since: dict[WorkerProcess, float] = {}
        self._is_stopping = False
        self.restarts = 0

    async def start(self) -> None:
        """Check every module, then start the workers.

        Raise `ModuleError` (its `reason` is the leave reason), `ContentNotFound` or `BadContent`.
        """
        for spec in self._specs.values():
            validate_spec(spec)
            wasms = await asyncio.to_thread(read_modules, spec)
            self._interfaces[spec.name] = plan_service(spec, wasms).interface
        try:
            # NOTE: the first one compiles, the others find the code in the cache.
            await self._add_worker()
            if self._settings.idle_seconds is not None:
                self._spawn(self._dismiss_idle(self._settings.idle_seconds))
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(NoWorker("the service is being stopped"))
        await asyncio.gather(*(worker.stop() for worker in self._workers | self._leaving))
        self._workers.clear()
        self._idle.clear()

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the live workers."""
        return tuple(worker.pid for worker in self._workers if worker.is_alive)

    @property
    def services(self) -> tuple[str, ...]:
        """Return the names of the hosted services."""
        return tuple(self._specs)

    def interface(self, service: str) -> dict[str, object]:
        """Return the typed signatures of a service as JSON-able values; raise `NotFound`."""
        return describe_interface(self._get_interface(service))

    async def call(
        self,
        service: str,
        function: str,
        body: bytes,
        kind: BodyKind = BodyKind.JSON,
        *,
        parameters: Mapping[str, Any] | None = None,
    ) -> CallResult:
        """Run a function and return its answer; raise a `GuestFault` that says how it failed.

        `NotFound`, `PoolBusy` and `NoWorker` mean that the call never reached a worker.
        `parameters` are what the guest gets from `get_call_parameters`, by field name.
        """
        interface = self._get_interface(service)
        if function not in interface.functions:
            raise FunctionNotFound(f"service {service} has no function {function}")
        spec = self._specs[service]
        if len(body) > spec.limits.input_bytes:
            raise InputTooLarge(
                f"the body has {len(body)} bytes, more than its limit of {spec.limits.input_bytes}"
            )
        call = Call(service, function, body, kind is BodyKind.RAW, dict(parameters or {}))
        return _build_result(await self._run(call, spec))

    async def _run(self, call: Call, spec: ServiceSpec) -> Answer:
        seconds = spec.limits.call_ms / 1_000 + self._settings.grace_seconds
        # NOTE: all workers may have died unnoticed; a call none of them took is given to the next.
        for _ in range(self._units + 1):
            worker = await self._take_worker()
            try:
                return await worker.call(call, seconds)
            except WorkerLost as lost:
                if lost.timed_out:
                    raise GuestTimeout(
                        f"the call took more than its {spec.limits.call_ms} ms and did not yield",
                        duration_us=int(seconds * 1_000_000),
                    ) from lost
                if lost.had_started:
                    raise GuestTrap("the worker process ended while it ran this call") from lost
        raise NoWorker("the workers keep dying", remedy="try later")

    def _get_interface(self, service: str) -> Interface:
        try:
            return self._interfaces[service]
        except KeyError as error:
            raise NotFound(f"there is no service {service}") from error

    async def _take_worker(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
        if self._is_stopping:
            raise NoWorker("the service is stopped")
        if len(self._waiting) >= self._settings.queue_length:
            raise PoolBusy(f"{len(self._waiting)} calls are waiting already", remedy="try later")
        if len(self._workers) + self._starting < self._units:
            self._starting += 1
            self._spawn(self._start_another())
        waiter: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._settings.queue_seconds):
                return await waiter
        except TimeoutError as error:
            self._forsake(waiter)
            raise NoWorker("no worker came free in time", remedy="try later") from error
        except asyncio.CancelledError:
            self._forsake(waiter)
            raise

    def _forsake(self, waiter: asyncio.Future[WorkerProcess]) -> None:
        """Leave the queue, passing on a worker that was handed over in the same moment."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self._give_worker(waiter.result())

    def _give_worker(self, worker: WorkerProcess) -> None:
        """Hand a free worker to the call that waits longest, else keep it."""
        if worker not in self._workers or not worker.is_alive:
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(worker)
                return
        self._idle.append(worker)
        if self._settings.idle_seconds is not None:
            self._idle_since[worker] = asyncio.get_running_loop().time()

    async def _add_worker(self) -> None:
        worker = await WorkerProcess.start(
            self._setup, self._give_worker, self._settings.start_seconds, self._effects
        )
        self._workers.add(worker)
        worker.lost.add_done_callback(lambda _: self._replace_soon(worker))
        if worker.is_alive:
            self._give_worker(worker)

    def _replace_soon(self, worker: WorkerProcess) -> None:
        if not self._is_stopping and worker in self._workers:
            self._spawn(self._replace(worker))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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

    async def _dismiss_idle(self, seconds: float) -> None:
        """End workers that have had no call for `seconds`, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(seconds / 2)
            for worker in tuple(self._idle):
                if loop.time() - self._idle_since[worker] >= seconds:
                    await self._let_go(worker)

    async def _let_go(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        self._idle_since.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)
        self._leaving.add(worker)
        await worker.stop()
        self._leaving.discard(worker)


def _build_result(answer: Answer) -> CallResult:
    status = CallStatus(answer.status)
    if status is CallStatus.ANSWERED:
        return CallResult(answer.output, answer.fuel, answer.duration_us, tuple(answer.logs))
    raise FAULTS[status](
        answer.detail,
        field=answer.field,
        fuel=answer.fuel,
        duration_us=answer.duration_us,
        logs=answer.logs,
    )
