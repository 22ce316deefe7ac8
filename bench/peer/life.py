"""The life of services: restarted, updated under load, many and idle."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from bench.peer.calls import choose_cores
from bench.peer.load import Plan, read_load, start_load
from bench.peer.market import PeerBench

RESTARTED = 25
RESTARTS = 2
IDLE = 1_000
IDLE_AT_ONCE = 20
UPDATE_SECONDS = 8.0
UPDATE_RATE = 1_000.0
READY_SECONDS = 300.0
MIB = 1 << 20


def measure_life() -> dict[str, float]:
    """Return the rows of single services."""
    with PeerBench.open(None, poll_seconds=1.0) as bench:
        return {
            "first call": measure_first_calls(bench),
            "update failed": measure_update(bench),
        }


def measure_first_calls(bench: PeerBench) -> float:
    """Return the p99 of each service's first call after a restart, in milliseconds."""
    deals = [bench.deploy(bench.publish("fresh", name=f"first-{n}")) for n in range(RESTARTED)]
    waits = []
    for _ in range(RESTARTS):
        bench.runner.kill()
        bench.start()
        for deal in deals:
            bench.runner.wait_for_state(deal, "serving")
        with connect(bench) as connection:
            call(connection, "GET", "/v1/status")
            for deal in deals:
                path = urlsplit(bench.call_url(deal)).path
                began = time.perf_counter()
                call(connection, "POST", path)
                waits.append(time.perf_counter() - began)
    return sorted(waits)[int(len(waits) * 0.99)] * 1_000


def measure_update(bench: PeerBench) -> float:
    """Return how many calls failed while a service was updated under load."""
    deal = bench.deploy(bench.publish("warm", name="before"), units=2)
    world = bench.world
    plan = Plan(bench.call_url(deal), 16, UPDATE_SECONDS, rate=UPDATE_RATE)
    load = start_load(plan, choose_cores()[1])
    time.sleep(UPDATE_SECONDS / 4)
    app = bench.publish("warm", name="after")
    world.send(world.developer, world.market.call("set_app", deal, bytes.fromhex(app[2:])))
    seen = read_load(load, load.communicate()[0])
    described = bench.runner.get(f"/v1/deals/{deal}").json()
    if described["app"] != app:
        raise RuntimeError("the update did not come through in time")
    if seen.rate < UPDATE_RATE / 2:
        raise RuntimeError(f"the load was {seen.rate:,.0f} requests/s only")
    return float(seen.failed)


def measure_idle() -> dict[str, float]:
    """Return memory and restart of a peer with many services that nobody calls."""
    with PeerBench.open(None, poll_seconds=1.0, idle_seconds=2.0) as bench:
        app = bench.publish("fresh", name="idle")
        deals: list[int] = []
        while len(deals) < IDLE:
            # A few at a time: a peer must have activated before ACCEPT_SECONDS are over.
            for _ in range(min(IDLE_AT_ONCE, IDLE - len(deals))):
                deals.append(bench.world.match(app, [bench.runner.number]).deal)
            wait_for_all(bench, deals)
        bench.runner.kill()
        began = time.perf_counter()
        bench.start()
        wait_for_all(bench, deals)
        restart = time.perf_counter() - began
        memory = sum(process.memory_full_info().pss for process in bench.processes())
        return {"idle memory": memory / MIB, "idle restart": restart}


def wait_for_all(bench: PeerBench, deals: list[int]) -> None:
    """Wait until all deals are served."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        states = bench.runner.get("/v1/status").json()["extra"]["deals"]
        if sum(state == "serving" for state in states.values()) >= len(deals):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"not all of {len(deals)} services came up")
        time.sleep(0.05)


@contextmanager
def connect(bench: PeerBench) -> Iterator[http.client.HTTPConnection]:
    """Open a connection to the peer."""
    url = urlsplit(bench.runner.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()


def call(connection: http.client.HTTPConnection, method: str, path: str) -> None:
    """Send a request; raise RuntimeError unless the answer is a 200."""
    headers = {"Content-Type": "application/octet-stream"}
    connection.request(method, path, b"x" * 1024 if method == "POST" else None, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{method} {path}: {answer.status}")
