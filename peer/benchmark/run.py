"""Run the benchmark in workers as functions run in, and put what they took into figures."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median_low
from typing import Final

from wasmtime import wat2wasm

from peer.benchmark.suite import NOTHING, SOURCE, SUITE, SuiteWorkload, name_suite
from peer.runtime.errors import StartFailed
from peer.runtime.module.service import RAW_ABI, BodyKind, CallLimits, ModuleSpec, ServiceSpec
from peer.runtime.workers.cores import Cores
from peer.runtime.workers.pool import PoolSettings, WorkerPool
from peer.runtime.workers.spawner import WorkerSpawner
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.selection.peer_document import Benchmark, Workload

NAME: Final = "benchmark"
REPEATS: Final = 3
"""Times that each workload runs at all units at once; the median counts."""
EMPTY_CALLS: Final = 200
CALL_MS: Final = 60_000
FUEL_LIMIT: Final = 10**10
STAT: Final = Path("/proc/stat")
LOOK_SECONDS: Final = 0.5
MOST_BUSY: Final = 20
"""Percent of the machine that others may use before a measurement is worth less."""

Report = Callable[[int, int], None]
"""Hears how many steps are done, of how many."""


async def run_benchmark(
    folder: Path,
    units: int,
    now: int,
    report: Report = lambda done, total: None,
    workloads: Sequence[SuiteWorkload] = SUITE,
    repeats: int = REPEATS,
) -> Benchmark:
    """Measure with `units` workers at once, in `folder`; `now` is noted as the time of it.

    Raises StartFailed where guests cannot run, or count or answer otherwise than the suite says.
    """
    spec = await asyncio.to_thread(_lay, folder)
    spawner = WorkerSpawner(Cores(os.sched_getaffinity(0)))
    pool = WorkerPool(
        [spec],
        units=units,
        cache_dir=folder / "cache",
        settings=PoolSettings(start_seconds=60.0, queue_seconds=60.0),
        spawner=spawner,
    )
    steps = len(workloads) * (repeats + 1) + 1
    done = 0
    try:
        await pool.start()
        results = []
        for workload in workloads:
            rounds = []
            # The first run warms the caches up, and is not counted.
            for _ in range(repeats + 1):
                rounds.append(await _run_everywhere(pool, workload, units))
                done += 1
                report(done, steps)
            took = median_low(rounds[1:])
            results.append(Workload(workload.name, workload.fuel, took))
        latencies = sorted([(await _run_one(pool, NOTHING))[1] for _ in range(EMPTY_CALLS)])
        report(steps, steps)
    finally:
        await pool.stop()
        await spawner.close()
    middle, high = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    return Benchmark(name_suite(workloads), now, units, tuple(results), (middle, high))


def measure_others(seconds: float = LOOK_SECONDS, stat: Path = STAT) -> int | None:
    """Return how many percent of the machine are busy while we do nothing; None: not known."""
    first = _read_times(stat)
    time.sleep(seconds)
    last = _read_times(stat)
    if first is None or last is None or last[1] <= first[1]:
        return None
    return 100 - 100 * (last[0] - first[0]) // (last[1] - first[1])


def _read_times(stat: Path) -> tuple[int, int] | None:
    """Return the ticks that all processors were idle, and all ticks."""
    try:
        words = stat.read_text(encoding="ascii").splitlines()[0].split()
        ticks = [int(word) for word in words[1:9]]
        return ticks[3] + ticks[4], sum(ticks)
    except (OSError, ValueError, IndexError):
        return None


async def _run_everywhere(pool: WorkerPool, workload: SuiteWorkload, units: int) -> int:
    """Run a workload in all workers at once; return the mean of what they took, in microseconds."""
    took = await asyncio.gather(*(_run_one(pool, workload) for _ in range(units)))
    return max(1, sum(inside for inside, _ in took) // units)


async def _run_one(pool: WorkerPool, workload: SuiteWorkload) -> tuple[int, int]:
    """Return what a call took in its worker, and with the way there and back; microseconds."""
    begin = time.perf_counter_ns()
    found = await pool.call(NAME, workload.function, workload.body, BodyKind.RAW)
    took = (time.perf_counter_ns() - begin) // 1_000
    if (found.fuel, found.output.hex()) != (workload.fuel, workload.output):
        raise StartFailed(
            f"the workload {workload.name} counts {found.fuel} and answers {found.output.hex()},"
            f" not {workload.fuel} and {workload.output}: this engine is not the suite's"
        )
    return found.duration_us, took


def _lay(folder: Path) -> ServiceSpec:
    wasm = bytes(wat2wasm(SOURCE.read_text(encoding="utf-8")))
    storage = folder / "storage" / NAME
    storage.mkdir(parents=True, exist_ok=True)
    path = folder / "benchmark.wasm"
    path.write_bytes(wasm)
    module = ModuleSpec(NAME, path, sha256(wasm))
    limits = CallLimits(call_ms=CALL_MS, fuel=FUEL_LIMIT)
    return ServiceSpec(NAME, (module,), storage_dir=storage, abi=RAW_ABI, limits=limits)
