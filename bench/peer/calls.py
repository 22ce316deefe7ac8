"""Calls over HTTP: the peer on one core, the load on another, other systems in the same run."""

import os
import socket
from dataclasses import dataclass

import psutil

from bench.peer.load import Plan, Seen, measure_load
from bench.peer.market import PeerBench
from bench.peer.others import install, run_framework, run_workerd

RUNS = 3
SECONDS = 3.0
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Best:
    """The best of some runs, and what the server's processes computed for each call (µs)."""

    seen: Seen
    cpu: float


def choose_cores() -> tuple[int, int]:
    """Return the core of the server and that of the load."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def measure_calls() -> dict[str, float]:
    """Return what a peer process does: routing, access, limits, workers, receipts."""
    server, client = choose_cores()
    with PeerBench.open(server, poll_seconds=1.0) as bench:
        warm = bench.call_url(bench.deploy(bench.publish("warm", name="warm")))
        fresh = bench.call_url(bench.deploy(bench.publish("fresh", name="fresh")))
        bench.pin_all()
        best = measure_best(warm, client, bench.processes())
        bare = measure_best(fresh, client, bench.processes())
        varied = measure_best(warm, client, bench.processes(), new_heads=True)
        one = measure_best(warm, client, bench.processes(), connections=1)
        return {
            "call warm": best.seen.rate,
            "call warm cpu": best.cpu,
            "call warm p50": best.seen.p50,
            "call warm p99": best.seen.p99,
            "call fresh": bare.seen.rate,
            "call fresh cpu": bare.cpu,
            "call warm new heads": varied.seen.rate,
            "call warm c=1": one.seen.rate,
        }


def measure_others() -> dict[str, float]:
    """Return what workerd and functions-framework do with the same guest."""
    server, client = choose_cores()
    install()
    with run_workerd(server, find_port()) as (url, process):
        workerd = measure_best(url, client, [process])
    with run_framework(server, find_port()) as (url, process):
        framework = measure_best(url, client, [process])
    return {
        "workerd": workerd.seen.rate,
        "workerd cpu": workerd.cpu,
        "framework": framework.seen.rate,
        "framework cpu": framework.cpu,
    }


def measure_best(
    url: str,
    core: int,
    servers: list[psutil.Process],
    connections: int = CONNECTIONS,
    *,
    new_heads: bool = False,
) -> Best:
    """Return the best of some runs; raise RuntimeError when an answer was not a 200."""
    plan = Plan(url, connections, SECONDS, new_heads=new_heads)
    runs = [measure_run(plan, core, servers) for _ in range(RUNS)]
    failed = sum(run.seen.failed for run in runs)
    if failed:
        raise RuntimeError(f"{failed} calls of {url} failed")
    best = max(runs, key=lambda run: run.seen.rate)
    return Best(best.seen, min(run.cpu for run in runs))


def measure_run(plan: Plan, core: int, servers: list[psutil.Process]) -> Best:
    """Return what one run of a plan saw, and what the servers' processes computed for it."""
    before = _sum_cpu(servers)
    seen = measure_load(plan, core)
    spent = _sum_cpu(servers) - before
    # The warm-up's calls are in the time too.
    calls = seen.answers * (1 + plan.warmup_seconds / plan.seconds)
    return Best(seen, spent / calls * 1_000_000)


def _sum_cpu(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (p.cpu_times() for p in processes))


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
