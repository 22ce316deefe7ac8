"""Calls inside one process: no HTTP, no worker process, no receipt."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from peer.runtime.deadline import Watchdog
from peer.runtime.engine import AotCache, EngineSettings, InstancePool, build_engine
from peer.runtime.messages import Call
from peer.runtime.service import CallLimits, InstanceMode, ModuleSpec, ServiceSpec
from peer.runtime.service_host import ServiceHost

GUEST = Path(__file__).with_name("guest") / "guest.wasm"
MEMORY = 16 << 20
RUNS = 5
RUN_SECONDS = 0.5


def measure_runtime() -> dict[str, float]:
    """Return calls/s by measure: the best of some short runs each."""
    with tempfile.TemporaryDirectory() as folder:
        warm = open_host(Path(folder), InstanceMode.WARM)
        fresh = open_host(Path(folder), InstanceMode.FRESH)
        body = os.urandom(1024)
        digest = Call("bench", "digest", body, True, {})
        greeting = Call("bench", "greeting", b'["world"]', False, {})
        return {
            "digest warm": _rate(lambda: warm.answer(digest)),
            "digest fresh": _rate(lambda: fresh.answer(digest)),
            "greeting warm": _rate(lambda: warm.answer(greeting)),
        }


def open_host(folder: Path, instance: InstanceMode) -> ServiceHost:
    """Load the guest as a worker does."""
    wasm = GUEST.read_bytes()
    module = ModuleSpec("guest", GUEST, hashlib.sha256(wasm).digest())
    spec = ServiceSpec("bench", (module,), MEMORY, instance, CallLimits(), folder / "storage")
    settings = EngineSettings()
    engine = build_engine(settings, InstancePool(4, MEMORY))
    cache = AotCache(folder / "cache", engine, settings)
    return ServiceHost(spec, [wasm], engine, cache, Watchdog(engine), is_metered=False)


def _rate(work: Callable[[], object]) -> float:
    return max(_rate_once(work) for _ in range(RUNS))


def _rate_once(work: Callable[[], object]) -> float:
    count = 0
    began = time.perf_counter()
    while (taken := time.perf_counter() - began) < RUN_SECONDS:
        for _ in range(100):
            work()
        count += 100
    return count / taken
