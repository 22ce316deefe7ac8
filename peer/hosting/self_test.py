"""Find out whether this machine can run guests at all, before any assignment is taken."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from wasmtime import wat2wasm

from peer.hosting.fuel_vectors import FUEL_LIMIT, GUEST, SCHEDULES, FuelVector
from peer.runtime.errors import StartFailed
from peer.runtime.module.service import RAW_ABI, BodyKind, CallLimits, ModuleSpec, ServiceSpec
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
        """By which fuel is counted here as it has to be."""

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
        settings = PoolSettings(start_seconds=START_SECONDS, queue_seconds=START_SECONDS)
        pool = WorkerPool(
            specs, units=1, cache_dir=self._cache, settings=settings, spawner=self._spawner
        )
        try:
            await pool.start()
            result = await pool.call(NAME, "echo", BODY, BodyKind.RAW)
            if result.output != BODY:
                raise StartFailed("a guest does not answer what it should")
            for schedule, vectors in SCHEDULES.items():
                if await self._counts_by(pool, vectors):
                    self.schedules |= {schedule}
                else:
                    logger.warning(
                        "fuel is counted otherwise here: no work by this schedule is taken",
                        extra={"schedule": schedule},
                    )
        finally:
            await pool.stop()
            await asyncio.to_thread(remove, self._folder)

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
        wasm = bytes(wat2wasm(GUEST))
        storage = self._folder / "storage" / NAME
        storage.mkdir(parents=True, exist_ok=True)
        path = self._folder / "echo.wasm"
        path.write_bytes(wasm)
        module = ModuleSpec(NAME, path, sha256(wasm))
        limits = CallLimits(fuel=FUEL_LIMIT)
        usual = ServiceSpec(NAME, (module,), storage_dir=storage, abi=RAW_ABI, limits=limits)
        counted = replace(usual, name=COUNTED, storage_dir=None, is_deterministic=True)
        return [usual, counted]
