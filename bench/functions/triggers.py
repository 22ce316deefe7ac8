"""A thousand triggers of one second on one peer process, for a minute."""

import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench.peer.market import load_tests
from wasmarket.kernel.documents.triggers import Trigger

TRIGGERS = 1_000
SECONDS = 60
WARM_SECONDS = 5
_world = load_tests("peer.market_world")
_runner = load_tests("peer.peer_runner")


def measure_triggers() -> dict[str, float]:
    """Firings that were missed, how late calls begin, and what a firing costs."""
    world = _world.MarketWorld()
    try:
        with tempfile.TemporaryDirectory() as folder:
            runner = _runner.PeerRunner(world, Path(folder), world.next_wallet())
            runner.register(units=4)
            runner.start()
            runner.move()
            try:
                return _measure(world, runner)
            finally:
                runner.stop()
    finally:
        world.close()


def _measure(world: Any, runner: Any) -> dict[str, float]:
    # Arguments tell them apart: two of one key would be one trigger.
    triggers = tuple(
        Trigger("every", "greeting", "greeting", b'["%d"]' % number, seconds=1)
        for number in range(TRIGGERS)
    )
    wasm = _runner.GREETING.read_bytes()
    app = _runner.publish(runner.blocks, wasm, triggers=triggers)
    deal = world.match(app, [runner.number]).deal
    runner.wait_for_state(deal, "serving")
    # Asking costs the peer as much as some firings: not while it is measured.
    time.sleep(WARM_SECONDS)
    before, cpu = _counts(runner, deal), _read_cpu(runner.pid)
    time.sleep(SECONDS)
    after, spent = _counts(runner, deal), _read_cpu(runner.pid) - cpu
    made = after["answered"] - before["answered"]
    seconds: dict[int, list[int]] = {}
    for entry in _read(runner, deal):
        for firing in entry["recent"]:
            if firing["state"] == "answered":
                seconds.setdefault(firing["firing"], []).append(firing["late_ms"])
    late = [ms for found in seconds.values() for ms in found]
    return {
        "missed": after["missed"] + after["failed"] - before["missed"] - before["failed"],
        "jitter p50": _find(late, 50),
        "jitter p99": _find(late, 99),
        "jitter worst": max(_find(found, 99) for found in seconds.values()),
        "firing cpu": spent / made * 1e6,
    }


def _find(values: list[int], percent: int) -> int:
    return sorted(values)[len(values) * percent // 100]


def _read(runner: Any, deal: int) -> list[dict[str, Any]]:
    triggers: list[dict[str, Any]] = runner.get(f"/v1/deals/{deal}/triggers").json()["triggers"]
    return triggers


def _counts(runner: Any, deal: int) -> dict[str, int]:
    entries = _read(runner, deal)
    names = ("answered", "missed", "failed")
    return {name: sum(entry[name] for entry in entries) for name in names}


def _read_cpu(pid: int) -> float:
    """Return the processor seconds of a process and all that it started."""
    peer = psutil.Process(pid)
    processes = (peer, *peer.children(recursive=True))
    return sum(sum(process.cpu_times()[:2]) for process in processes)
