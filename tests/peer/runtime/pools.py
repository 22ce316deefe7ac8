"""Pools of real workers for tests, and how to wait for what they do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from peer.runtime.module.service import ServiceSpec
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import ROOT
from tests.peer.runtime.guests import build_guest

QUICK = PoolSettings(grace_seconds=0.2, queue_seconds=10)
SPINNER = build_guest(
    '(func (export "spin") (loop $on br $on)) (func (export "ok"))', "spin()", "ok()"
)
ONE = b'{"result":1}'
GREETING = ROOT / "examples" / "greeting" / "greeting.wasm"


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@asynccontextmanager
async def running(
    folder: Path, *specs: ServiceSpec, units: int = 1, settings: PoolSettings = QUICK
) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(specs, units=units, cache_dir=folder / "cache", settings=settings)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def eventually(claim: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own timeout ends a vain wait."""
    while not claim():
        await asyncio.sleep(0.01)


async def get_failure(call: Awaitable[object]) -> Exception:
    """Return what the call raised."""
    try:
        await call
    except Exception as failure:
        return failure
    raise AssertionError("it did not fail")
