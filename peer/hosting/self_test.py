"""Find out whether this machine can run guests at all, before any assignment is taken."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from wasmtime import wat2wasm

from peer.hosting.component_vectors import COMPONENT, COMPONENT_SCHEDULES
from peer.hosting.fuel_vectors import FUEL_LIMIT, GUEST, SCHEDULES, FuelVector
from peer.runtime.errors import StartFailed
from peer.runtime.module.service import (
    COMPONENT_ABI,
    RAW_ABI,
    BodyKind,
    CallLimits,
    ModuleSpec,
    ServiceSpec,
)
from peer.runtime.sandbox.folder_walk import remove
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.hashing import sha256

logger = logging.getLogger(__name__)

NAME: Final = "self-test"
COUNTED: Final = "fuel-test"
"""The same guest as a deterministic service, whose values juries compare."""
BODY: Final = b"is anybody there?"
START_SECONDS: Final = 30.0
REMEDY: Final = (
    "give the peer's user CAP_SETUID, CAP_SETGID and CAP_CHOWN if it is root, or run it as an "
    "ordinary user"
)


class SelfTest:
    """Runs a guest of ours as any other would be run; on the event loop."""

    def __init__(self, folder: Path, cache: Path, spawner: WorkerSpawner) -> None:
        """Work in `folder`, which goes afterwards; compiled code is kept in `cache`."""
        self._folder = folder
        self._cache = cache
        self._spawner = spawner
        self._first = asyncio.Event()
        self._has_passed = False
        self.problem = ""
        self.schedules: frozenset[int] = frozenset()
        """By which fuel is counted here as it has to be, in modules."""
        self._component_schedules: frozenset[int] | None = None
        self._trying_components = asyncio.Lock()

    async def find_schedules(self, *, has_components: bool) -> frozenset[int]:
        """Return the schedules by which an app can be counted here; components are tried once.

        Raises StartFailed, ModuleError when no component can be run.
        """
        if not has_components:
            return self.schedules
        async with self._trying_components:
            if self._component_schedules is None:
                self._component_schedules = await self._try_components()
        return self._component_schedules & self.schedules

    @property
    def may_sell(self) -> bool | None:
        """Whether units may be offered; None: not known yet."""
        return (self._has_passed or not self.problem) if self._first.is_set() else None

    async def step(self) -> None:
        """Test until it has passed once. Raises StartFailed with the cause."""
        if self._has_passed:
            return
        try:
            await self._try()
        except Exception as error:
            cause = error.detail if isinstance(error, MarketError) else repr(error)
            self.problem = f"this machine cannot run guests: {cause}; {REMEDY}"
            if isinstance(error, (MarketError, OSError)):
                raise StartFailed(self.problem) from error
            raise
        else:
            self._has_passed, self.problem = True, ""
            logger.info("guests can be run here")
        finally:
            self._first.set()

    async def check(self) -> None:
        """Wait for the first test. Raises StartFailed while none has passed."""
        await self._first.wait()
        if not self._has_passed:
            raise StartFailed(self.problem)

    async def _try(self) -> None:
        specs = await asyncio.to_thread(self._lay)
        async with self._run(specs, self._folder) as pool:
            result = await pool.call(NAME, "echo", BODY, BodyKind.RAW)
            if result.output != BODY:
                raise StartFailed("a guest does not answer what it should")
            self.schedules = await self._find(pool, SCHEDULES, "modules")

    async def _try_components(self) -> frozenset[int]:
        """Return the schedules by which components are counted, whose parts the engine joins.

        Apart from the first test, since most peers never need it.
        """
        folder = self._folder.with_name(f"{self._folder.name}-components")
        spec = await asyncio.to_thread(_lay_component, folder)
        async with self._run([spec], folder) as pool:
            return await self._find(pool, COMPONENT_SCHEDULES, "components")

    @asynccontextmanager
    async def _run(self, specs: list[ServiceSpec], folder: Path) -> AsyncIterator[WorkerPool]:
        """Start workers for these; remove the folder in which they lie at the end."""
        settings = PoolSettings(start_seconds=START_SECONDS, queue_seconds=START_SECONDS)
        pool = WorkerPool(
            specs, units=1, cache_dir=self._cache, settings=settings, spawner=self._spawner
        )
        try:
            await pool.start()
            yield pool
        finally:
            await pool.stop()
            await asyncio.to_thread(remove, folder)

    async def _find(
        self, pool: WorkerPool, schedules: Mapping[int, Iterable[FuelVector]], what: str
    ) -> frozenset[int]:
        """Return the schedules by which fuel is counted in these here."""
        found = set()
        for schedule, vectors in schedules.items():
            if await self._counts_by(pool, vectors):
                found.add(schedule)
            else:
                logger.warning(
                    "fuel is counted otherwise here: no such work by this schedule is taken",
                    extra={"schedule": schedule, "work": what},
                )
        return frozenset(found)

    async def _counts_by(self, pool: WorkerPool, vectors: Iterable[FuelVector]) -> bool:
        """Say whether fuel and answers are those of a schedule."""
        for vector in vectors:
            found = await pool.call(COUNTED, vector.function, vector.body, BodyKind.RAW)
            if (found.fuel, found.output.hex()) != (vector.fuel, vector.output):
                logger.warning(
                    "a vector is not reproduced",
                    extra={"function": vector.function, "fuel": found.fuel},
                )
                return False
        return True

    def _lay(self) -> list[ServiceSpec]:
        storage = self._folder / "storage" / NAME
        storage.mkdir(parents=True, exist_ok=True)
        module = _write(self._folder / "echo.wasm", GUEST)
        limits = CallLimits(fuel=FUEL_LIMIT)
        usual = ServiceSpec(NAME, (module,), storage_dir=storage, abi=RAW_ABI, limits=limits)
        counted = replace(usual, name=COUNTED, storage_dir=None, is_deterministic=True)
        return [usual, counted]


def _lay_component(folder: Path) -> ServiceSpec:
    folder.mkdir(parents=True, exist_ok=True)
    modules = (_write(folder / "parts.wasm", COMPONENT),)
    limits = CallLimits(fuel=FUEL_LIMIT)
    return ServiceSpec(COUNTED, modules, abi=COMPONENT_ABI, limits=limits, is_deterministic=True)


def _write(path: Path, text: str) -> ModuleSpec:
    wasm = bytes(wat2wasm(text))
    path.write_bytes(wasm)
    return ModuleSpec(NAME, path, sha256(wasm))
