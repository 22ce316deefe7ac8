"""How long a developer waits: from the match on chain to the first answer, on blocks of a second.

The app is not at the peer: it is fetched over HTTP from another one. Its module has a megabyte of
functions, which are compiled; each round has one of its own, so that no cache helps.
"""

import importlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from wasmarket.kernel.units import Hash

# What the tests of the peer use; `bench.peer.market` makes them importable.
_world: Any = importlib.import_module("tests.peer.market_world")
_runner: Any = importlib.import_module("tests.peer.peer_runner")
_guests: Any = importlib.import_module("tests.peer.runtime.guests")

BLOCK_SECONDS = 1
ROUNDS = 5
FUNCTIONS = 9_000
"""Of about 110 bytes each."""

HEALTH = '(func (export "health") (result i32) i32.const 1)'
PAUSE = 0.005


def measure_deploy() -> dict[str, float]:
    """Return seconds from match to answer: median and worst, with and without a notice."""
    with _open() as (world, peer, source):
        results: dict[str, float] = {}
        for key, is_noticed in (("deploy", True), ("deploy unnoticed", False)):
            times = []
            for number in range(ROUNDS):
                wasm = build_module(number + (0 if is_noticed else ROUNDS))
                app = _runner.publish(source.blocks, wasm, name="guest")
                times.append(_deploy(world, peer, app, source.url if is_noticed else ""))
            results[key] = statistics.median(times)
            results[f"{key} max"] = max(times)
        return results


def build_module(seed: int) -> bytes:
    """Return a Marine module of about a megabyte of code; another one for each seed."""
    functions = (_function(seed * FUNCTIONS + number) for number in range(FUNCTIONS))
    wasm: bytes = _guests.build_guest(HEALTH + "".join(functions), "health() -> bool")
    return wasm


def _function(number: int) -> str:
    steps = "".join(
        f"local.get $a i32.const {number * 2_003 + step} i32.mul"
        f" local.get $b i32.const {step + 3} i32.rotl i32.xor local.set $a "
        for step in range(6)
    )
    return f"(func (param $a i32) (param $b i32) (result i32) {steps} local.get $a)\n"


def _deploy(world: Any, peer: Any, app: Hash, source: str) -> float:
    match = world.match(app, [peer.number])
    began = time.perf_counter()
    with httpx.Client(trust_env=False, timeout=30) as client:
        if source:
            notice = {"deal": match.deal, "assignment": match.assignments[0], "sources": [source]}
            client.post(f"{peer.url}/v1/notices", json=notice).raise_for_status()
        url = f"{peer.url}/v1/deals/{match.deal}/guest/health"
        while client.post(url, json=[]).status_code != httpx.codes.OK:
            time.sleep(PAUSE)
    return time.perf_counter() - began


@contextmanager
def _open() -> Iterator[tuple[Any, Any, Any]]:
    """Start a market on blocks of a second, a peer with default settings, and one as source."""
    world = _world.MarketWorld()
    with tempfile.TemporaryDirectory() as folder:
        runners: list[Any] = []
        try:
            for name, settings in (("source", {}), ("peer", {"poll_seconds": 1.0})):
                place = Path(folder) / name
                place.mkdir()
                gateways = tuple(runner.url for runner in runners)
                runner = _runner.PeerRunner(
                    world, place, world.next_wallet(), gateways=gateways, **settings
                )
                runners.append(runner)
                runner.register(units=64)
                runner.start()
            world.rpc.request("evm_setIntervalMining", [BLOCK_SECONDS])
            source, peer = runners
            yield world, peer, source
        finally:
            for runner in runners:
                runner.stop()
            world.close()
