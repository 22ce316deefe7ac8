"""AquaVM's own run: the processor time inside its wasm, with nothing of a host around it."""

import time
from functools import partial
from pathlib import Path
from typing import Any

from peer.choreography.avm import NAME, build_spec
from peer.runtime.execution.deadline import Watchdog
from peer.runtime.execution.engine import AotCache, InstancePool, build_engine
from peer.runtime.execution.service_host import ServiceHost
from peer.runtime.messages import Call
from peer.runtime.module.code_files import EngineSettings
from peer.runtime.module.module_file import read_modules
from peer.runtime.module.service import BodyKind


def measure_alone(module: Path, cache: Path, bodies: list[bytes], repeat: int) -> float:
    """Return the mean microseconds of these invokes."""
    spec = build_spec(module, cache)
    settings = EngineSettings.of([spec])
    engine = build_engine(settings, InstancePool(2, spec.total_memory_limit))
    host = ServiceHost(
        spec,
        read_modules(spec),
        engine,
        AotCache(cache, engine, settings),
        Watchdog(engine),
        is_metered=False,
    )
    calls = [Call(NAME, "invoke", body, BodyKind.VALUES, {}) for body in bodies]
    for call in calls:
        host.answer(call)
    assert host._warm is not None
    functions = host._warm.guests[NAME]._functions
    spent: list[int] = []
    functions["invoke"] = partial(_timed, functions["invoke"], spent)
    for call in calls:
        for _ in range(repeat):
            host.answer(call)
    return sum(spent) / len(spent) / 1e3


def _timed(function: Any, spent: list[int], *arguments: Any) -> Any:
    began = time.thread_time_ns()
    result = function(*arguments)
    spent.append(time.thread_time_ns() - began)
    return result
