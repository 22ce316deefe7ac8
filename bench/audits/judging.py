"""Paid calls while a jury's worker computes on the same core, beside calls while it does not."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from wasmtime import wat2wasm

from bench.peer.beside import measure_round
from bench.peer.calls import choose_cores
from bench.peer.market import PeerBench, pin
from peer.auditing.executor import BACKGROUND
from peer.runtime.errors import GuestFault
from peer.runtime.module.service import RAW_ABI, BodyKind, CallLimits, ModuleSpec, ServiceSpec
from peer.runtime.workers.pool import WorkerPool
from wasmarket.kernel.hashing import sha256

ROUNDS = 7
NAME = "spin"
GUEST = """(module (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) i32.const 1024)
  (func (export "spin") (param i32 i32) (result i64) (loop br 0) unreachable))"""
CALL_MS = 600_000


def measure_judging() -> dict[str, float]:
    """Return how many calls a peer answers for each one that it answers without a jury's work."""
    server, client = choose_cores()
    with PeerBench.open(server, poll_seconds=1.0) as bench:
        url = bench.call_url(bench.deploy(bench.publish("warm", name="warm")))
        bench.pin_all()
        processes = bench.processes()
        ratios = []
        for _ in range(ROUNDS):
            with judging(server):
                busy = measure_round(url, client, processes, new_heads=False)
            free = measure_round(url, client, processes, new_heads=False)
            ratios.append(busy.seen.rate / free.seen.rate)
    return {"judging": median(ratios)}


@contextmanager
def judging(core: int) -> Iterator[None]:
    """Have a worker as juries have it run a call without an end on a core."""
    with tempfile.TemporaryDirectory() as room:
        started, stop = threading.Event(), threading.Event()
        thread = threading.Thread(
            target=lambda: asyncio.run(_judge(Path(room), core, started, stop)), daemon=True
        )
        thread.start()
        started.wait()
        try:
            yield
        finally:
            stop.set()
            thread.join()


async def _judge(room: Path, core: int, started: threading.Event, stop: threading.Event) -> None:
    path = room / "spin.wasm"
    path.write_bytes(wat2wasm(GUEST))
    module = ModuleSpec(NAME, path, sha256(path.read_bytes()))
    limits = CallLimits(call_ms=CALL_MS, fuel=2**52)
    (room / "storage").mkdir()
    spec = ServiceSpec(NAME, (module,), storage_dir=room / "storage", abi=RAW_ABI, limits=limits)
    pool = WorkerPool([spec], units=1, cache_dir=room / "cache", settings=BACKGROUND)
    await pool.start()
    for pid in pool.pids:
        pin(pid, core)
    call = asyncio.ensure_future(pool.call(NAME, "spin", b"", BodyKind.RAW))
    started.set()
    await asyncio.to_thread(stop.wait)
    call.cancel()
    with suppress(asyncio.CancelledError, GuestFault):
        await call
    await pool.stop()
