"""Calls over HTTP: the peer on one core, the load on another, other systems in the same run."""

import os
import socket

from bench.peer.load import Plan, Seen, measure_load
from bench.peer.market import PeerBench
from bench.peer.others import install, run_framework, run_workerd

RUNS = 3
SECONDS = 3.0
CONNECTIONS = 16


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
        best = measure_best(warm, client)
        return {
            "call warm": best.rate,
            "call warm p50": best.p50,
            "call warm p99": best.p99,
            "call fresh": measure_best(fresh, client).rate,
            "call warm c=1": measure_best(warm, client, connections=1).rate,
        }


def measure_others() -> dict[str, float]:
    """Return what workerd and functions-framework do with the same guest."""
    server, client = choose_cores()
    install()
    with run_workerd(server, find_port()) as url:
        workerd = measure_best(url, client).rate
    with run_framework(server, find_port()) as url:
        framework = measure_best(url, client).rate
    return {"workerd": workerd, "framework": framework}


def measure_best(url: str, core: int, connections: int = CONNECTIONS) -> Seen:
    """Return the best of some runs; raise RuntimeError when an answer was not a 200."""
    plan = Plan(url, connections, SECONDS)
    runs = [measure_load(plan, core) for _ in range(RUNS)]
    if any(seen.failed for seen in runs):
        raise RuntimeError(f"{sum(seen.failed for seen in runs)} calls of {url} failed")
    return max(runs, key=lambda seen: seen.rate)


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
