"""Run a call again from content by digest, in workers of its own, and say what it is worth.

Only what every machine gets alike counts: calls of deterministic services, run twice with the same
end, that did not end by a limit of this host (CONTRACTS 18).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from peer.hosting.versions import Version
from peer.runtime.errors import CallRefused, GuestFault, GuestTimeout, GuestTrap
from peer.runtime.module.service import RAW_ABI, BodyKind
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.documents.receipts import CallStatus, function_hash, value_digest
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash

KEPT_POOLS = 4
QUEUE_SECONDS = 60.0
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


class CallExecutor:
    """Keeps workers of the apps that were asked for last; on one event loop."""

    def __init__(self, cache: Path, prepare: Prepare, spawner: WorkerSpawner | None = None) -> None:
        """`cache` takes compiled code."""
        self._cache = cache
        self._prepare = prepare
        self._spawner = spawner
        self._pools: OrderedDict[Hash, tuple[Version, WorkerPool]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def execute(self, app: Hash, function: bytes, body: bytes) -> Reexecuted:
        """Run a call twice; `function` is its hash, as a receipt has it."""
        try:
            async with self._lock:
                version, pool = await self._open(app)
            named = _find_function(pool, function)
            if named is None:
                return Reexecuted(is_false=True, why="the app has no such function")
            service, name = named
            spec = next(spec for spec in version.specs if spec.name == service)
            if not spec.is_deterministic:
                return Reexecuted(why=f"{service} is not deterministic")
            kind = BodyKind.RAW if spec.abi == RAW_ABI else BodyKind.JSON
            first = await _run(pool, service, name, body, kind)
            second = await _run(pool, service, name, body, kind)
        except (MarketError, OSError) as error:
            return Reexecuted(why=str(error))
        if first != second:
            return Reexecuted(why="it ended in two ways")
        return first

    async def close(self) -> None:
        """End all workers."""
        for _, pool in self._pools.values():
            await pool.stop()
        self._pools.clear()

    async def _open(self, app: Hash) -> tuple[Version, WorkerPool]:
        found = self._pools.get(app)
        if found is None:
            version = await self._prepare(app)
            pool = WorkerPool(
                version.specs,
                units=1,
                cache_dir=self._cache,
                settings=PoolSettings(queue_seconds=QUEUE_SECONDS),
                spawner=self._spawner,
            )
            await pool.start()
            found = self._pools[app] = (version, pool)
            while len(self._pools) > KEPT_POOLS:
                _, (_, oldest) = self._pools.popitem(last=False)
                await oldest.stop()
        self._pools.move_to_end(app)
        return found


def _find_function(pool: WorkerPool, function: bytes) -> tuple[str, str] | None:
    for service in pool.services:
        described = cast("list[dict[str, str]]", pool.interface(service)["functions"])
        for entry in described:
            if function_hash(service, entry["name"]) == function:
                return service, entry["name"]
    return None


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
