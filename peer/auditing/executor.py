"""Run a call again from content by digest, in workers of its own, and say what it is worth.

Only what every machine gets alike counts: calls of deterministic services, run twice with the same
end, that did not end by a limit of this host (CONTRACTS 18).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from peer.hosting.versions import Version
from peer.runtime.errors import CallRefused, GuestFault, GuestTimeout, GuestTrap
from peer.runtime.module.service import RAW_ABI, BodyKind, ServiceSpec
from peer.runtime.workers.cores import Rank
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.documents.receipts import CallStatus, function_hash, value_digest
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash

KEPT_POOLS = 4
BACKGROUND = PoolSettings(start_seconds=600.0, queue_seconds=600.0, rank=Rank(is_background=True))
"""Whoever pays for calls comes first."""
PATIENCE = 10
"""How many times its own limit a call may take here: time is no part of its value, and whoever
runs it again has but what others leave."""
OF_THE_HOST = ("stack overflowed", " ms")
"""What the texts of faults say that another machine may not have."""

Prepare = Callable[[Hash], Awaitable[Version]]
"""Returns an app by its digest. Raises MarketError."""


@dataclass(frozen=True, slots=True)
class Reexecuted:
    """What running a call again gave: its `value`, or None where that cannot be told.

    `is_false`: the receipt is false in itself, since the app has no such function.
    """

    value: bytes | None = None
    is_false: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class _OpenApp:
    """An app with workers; its functions by their hashes, as receipts name them."""

    pool: WorkerPool
    functions: dict[bytes, tuple[ServiceSpec, str]]


class CallExecutor:
    """Keeps workers of the apps that were asked for last; on one event loop."""

    def __init__(self, cache: Path, prepare: Prepare, spawner: WorkerSpawner | None = None) -> None:
        """`cache` takes compiled code."""
        self._cache = cache
        self._prepare = prepare
        self._spawner = spawner
        self._apps: OrderedDict[Hash, _OpenApp] = OrderedDict()
        self._lock = asyncio.Lock()

    async def execute(
        self, app: Hash, function: bytes, body: bytes, expected: bytes | None = None
    ) -> Reexecuted:
        """Run a call twice; `function` is its hash, as a receipt has it.

        Once is enough where that gives the value that is `expected`.
        """
        try:
            async with self._lock:
                opened = await self._open(app)
            named = opened.functions.get(function)
            if named is None:
                return Reexecuted(is_false=True, why="the app has no such function")
            spec, name = named
            if not spec.is_deterministic:
                return Reexecuted(why=f"{spec.name} is not deterministic")
            kind = BodyKind.RAW if spec.abi == RAW_ABI else BodyKind.JSON
            first = await _run(opened.pool, spec.name, name, body, kind)
            if expected is not None and first.value == expected:
                return first
            second = await _run(opened.pool, spec.name, name, body, kind)
        except (MarketError, OSError) as error:
            return Reexecuted(why=str(error))
        if first != second:
            return Reexecuted(why="it ended in two ways")
        return first

    async def close(self) -> None:
        """End all workers."""
        for opened in self._apps.values():
            await opened.pool.stop()
        self._apps.clear()

    async def _open(self, app: Hash) -> _OpenApp:
        found = self._apps.get(app)
        if found is None:
            version = await self._prepare(app)
            specs = [_be_patient(spec) for spec in version.specs]
            pool = WorkerPool(
                specs, units=1, cache_dir=self._cache, settings=BACKGROUND, spawner=self._spawner
            )
            await pool.start()
            found = self._apps[app] = _OpenApp(pool, _name_functions(specs, pool))
            while len(self._apps) > KEPT_POOLS:
                _, oldest = self._apps.popitem(last=False)
                await oldest.pool.stop()
        self._apps.move_to_end(app)
        return found


def _be_patient(spec: ServiceSpec) -> ServiceSpec:
    limits = spec.limits
    return replace(spec, limits=replace(limits, call_ms=PATIENCE * limits.call_ms))


def _name_functions(
    specs: Sequence[ServiceSpec], pool: WorkerPool
) -> dict[bytes, tuple[ServiceSpec, str]]:
    return {
        function_hash(spec.name, entry["name"]): (spec, entry["name"])
        for spec in specs
        for entry in cast("list[dict[str, str]]", pool.interface(spec.name)["functions"])
    }


async def _run(
    pool: WorkerPool, service: str, function: str, body: bytes, kind: BodyKind
) -> Reexecuted:
    try:
        result = await pool.call(service, function, body, kind)
    except CallRefused as fault:
        if kind is BodyKind.JSON:
            # The receipt does not say how the body was given.
            return await _run(pool, service, function, body, BodyKind.RAW)
        return Reexecuted(why=fault.detail)
    except GuestFault as fault:
        if isinstance(fault, (GuestTrap, GuestTimeout)) and any(
            text in fault.detail for text in OF_THE_HOST
        ):
            return Reexecuted(why=f"a limit of this machine: {fault.detail}")
        return Reexecuted(value_digest(sha256(b""), int(fault.kind), fault.fuel, len(body)))
    size = len(body) + len(result.output)
    answered = int(CallStatus.ANSWERED)
    return Reexecuted(value_digest(sha256(result.output), answered, result.fuel, size))
