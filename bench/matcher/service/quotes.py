"""`POST /v1/quotes` over HTTP: one matcher process on one core, asked from another core.

No two requirements are equal, so that nothing can be answered from memory. The client speaks HTTP
by hand, on as many connections as the bar names, each with one request under way.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.matcher.markets import Shape, draw_demands
from bench.matcher.rows import Row
from bench.matcher.timing import percentile
from matcher.engine.values import Demand

OFFERS = 100_000
CONNECTIONS = 16
WARM = 1_000
REQUESTS = 6_000
ROUNDS = 3
"""The best of so many short runs counts: others use the machine too."""

ROOT = Path(__file__).resolve().parents[3]


def measure() -> Iterator[Row]:
    """Yield requests per second and the 99th percentile, of the best run."""
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "bench.matcher.service.server", str(OFFERS), str(cores[0])]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            port = int(json.loads(server.stdout.readline())["url"].rpartition(":")[2])
            os.sched_setaffinity(0, {cores[-1]})
            runs = asyncio.run(_run(port, psutil.Process(server.pid)))
        finally:
            os.sched_setaffinity(0, set(cores))
            server.terminate()
    rate, p99, busy = max(runs)
    yield Row(
        f"quotes over HTTP, {OFFERS:,} offers, {CONNECTIONS} connections",
        round(rate),
        "requests/s",
        better="higher",
        bar=1_500,
    )
    yield Row("quotes over HTTP, p99 of the same run", round(p99 / 1e6, 1), "ms", bar=20)
    yield Row("quotes over HTTP, processor time of the server", round(busy * 1e6), "µs/request")


async def _run(port: int, server: psutil.Process) -> list[tuple[float, int, float]]:
    """Return requests per second, p99 in ns and the server's seconds of processor time per
    request of each run, none with a requirement twice."""
    demands = draw_demands(Shape(OFFERS), WARM + ROUNDS * REQUESTS)
    bodies = [_write(demand, number) for number, demand in enumerate(demands)]
    await _ask_all(port, bodies[:WARM])
    runs = []
    for first in range(WARM, len(bodies), REQUESTS):
        chosen = bodies[first : first + REQUESTS]
        began, used = time.perf_counter(), _cpu(server)
        times = await _ask_all(port, chosen)
        rate = len(chosen) / (time.perf_counter() - began)
        busy = (_cpu(server) - used) / len(chosen)
        runs.append((rate, percentile(sorted(times), 99), busy))
    return runs


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _write(demand: Demand, number: int) -> bytes:
    offer = demand.offer
    body = json.dumps(
        {
            "units": offer.units,
            "min_units": offer.min_units,
            "max_units_per_provider": str(offer.max_units_per_provider),
            "min_regions": offer.min_regions,
            "max_price": str(offer.max_price + number),
            "deposit": str(offer.deposit),
            "min_memory_mib": str(offer.min_memory_mib),
            "regions": str(offer.regions),
            "traits": str(offer.traits),
            "providers": [*offer.providers],
            "providers_mode": int(offer.providers_mode),
        }
    ).encode()
    lines = (
        "POST /v1/quotes HTTP/1.1",
        "Host: m",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "\r\n",
    )
    return "\r\n".join(lines).encode() + body


async def _ask_all(port: int, requests: list[bytes]) -> list[int]:
    waiting = iter(requests)
    times: list[int] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            began = time.perf_counter_ns()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter_ns() - began)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return times
