"""Calls inside one process: no HTTP, no worker process, no receipt."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, InstancePool, build_engine
from peer.runtime.execution.function_code import Invoke, compile_function
from peer.runtime.execution.guest import Guest
from peer.runtime.execution.host_functions import CallState
from peer.runtime.execution.loaded_module import LoadedModule
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.links import plan_service
from peer.runtime.module.service import BodyKind, CallLimits, InstanceMode, ModuleSpec, ServiceSpec

GUEST = Path(__file__).with_name("guest") / "guest.wasm"
MEMORY = 16 << 20
FOREVER = 1 << 40
RUNS = 5
RUN_SECONDS = 0.5

# What guests live in must outlive them.
_kept: list[LoadedModule] = []


def measure_runtime() -> dict[str, float]:
    """Return calls per second of a core by measure: the best of some short runs each."""
    with tempfile.TemporaryDirectory() as folder:
        warm = open_host(Path(folder), InstanceMode.WARM)
        fresh = open_host(Path(folder), InstanceMode.FRESH)
        body = os.urandom(1024)
        digest = Call("bench", "digest", body, BodyKind.RAW, {})
        greeting = Call("bench", "greeting", b'["world"]', BodyKind.JSON, {})
        invoke, guest = open_greeting(Path(folder))
        return {
            "greeting typed": _rate(lambda: invoke(guest, ["world"])),
            "digest warm": _rate(lambda: warm.answer(digest)),
            "digest fresh": _rate(lambda: fresh.answer(digest)),
            "greeting warm": _rate(lambda: warm.answer(greeting)),
        }


def open_greeting(folder: Path) -> tuple[Invoke, Guest]:
    """Return the Marine function from values to a value, and an instance to call it in."""
    wasm = GUEST.read_bytes()
    module = ModuleSpec("guest", GUEST, hashlib.sha256(wasm).digest())
    spec = ServiceSpec("bench", (module,), MEMORY, storage_dir=folder / "storage")
    settings = EngineSettings()
    engine = build_engine(settings, InstancePool(4, MEMORY))
    plan = plan_service(spec, [wasm])
    code = AotCache(folder / "cache", engine, settings).load_module(wasm)
    loaded = LoadedModule(
        spec,
        module,
        plan.infos["guest"],
        code,
        engine,
        CallState(),
        lambda linker: None,
        prints_here=False,
    )
    guest = loaded.open_guest()
    guest.budget = FOREVER
    guest.store.set_epoch_deadline(FOREVER)
    guest.start(loaded.pre)
    _kept.append(loaded)
    return compile_function(plan.interface.functions["greeting"]).invoke, guest


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
    # Processor time: nothing here waits, and other programs of the machine do not count.
    began = time.process_time()
    while (taken := time.process_time() - began) < RUN_SECONDS:
        for _ in range(100):
            work()
        count += 100
    return count / taken
