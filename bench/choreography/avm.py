"""AquaVM in our workers and in npm marine-js: the same invokes, processor time of each."""

import asyncio
import importlib
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import psutil
import uvloop

import bench.peer.market
from bench.choreography.avm_alone import measure_alone
from peer.runtime.module.service import BodyKind

_bench: Any = importlib.import_module("tests.peer.choreography.avm_bench")
_marine_js: Any = importlib.import_module("tests.peer.choreography.marine_js")
REPEAT = 400
AT_ONCE = 4
"""Particles whose invokes wait for the one worker, as on a peer with something to do."""
assert bench.peer.market

SCRIPT = """(seq (call %init_peer_id% ("s" "f") ["x"] x)
 (seq (call "{peer}" ("g" "h") [x] y) (call %init_peer_id% ("r" "r") [y])))"""


def measure_invoke() -> dict[str, float]:
    """Return the mean over a start, an answer and a merge."""
    bodies, single, ours = uvloop.run(_measure_ours())
    alone = measure_alone(_bench.AVM, _bench.AVM_CACHE, bodies, REPEAT)
    invokes = [msgspec.msgpack.decode(body) for body in bodies]
    times = _marine_js.invoke_in_marine_js(invokes, REPEAT)["times"]
    mean = sum(times) / len(times)
    return {
        "invoke cpu": ours,
        "single invoke cpu": single,
        "marine-js cpu": mean,
        "invoke gain": mean / ours,
        "single invoke gain": mean / single,
        "invoke alone": alone,
        "alone gain": mean / alone,
    }


async def _measure_ours() -> tuple[list[bytes], float, float]:
    """Return the invokes, and the time of each: one at a time, and with others waiting."""
    bodies: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            _bench.running(Path(folder) / "a", 9) as a,
            _bench.running(Path(folder) / "b", 8) as b,
        ):
            for host in (a, b):
                _record(host.avm._pool, bodies)
            particle = _bench.build_particle(9, SCRIPT.format(peer=_bench.id_of(8)))
            a.host.accept(particle)
            await a.settle()
            b.host.accept(particle.with_data(a.sent[0][1]))
            await b.settle()
            a.host.accept(particle.with_data(b.sent[0][1]))
            await a.settle()
            given = list(bodies)
            pool = a.avm._pool
            processes = [psutil.Process(), *(psutil.Process(pid) for pid in pool.pids)]

            async def go_through(times: int) -> None:
                for _ in range(times):
                    for body in given:
                        await pool.call("avm", "invoke", body, BodyKind.VALUES)

            async def measure(at_once: int) -> float:
                began = _sum(processes)
                await asyncio.gather(*(go_through(REPEAT // at_once) for _ in range(at_once)))
                return (_sum(processes) - began) / (REPEAT * len(given)) * 1e6

            await go_through(1)
            return given, await measure(1), await measure(AT_ONCE)


def _record(pool: Any, bodies: list[bytes]) -> None:
    plain = pool.call

    async def recorded(service: str, function: str, body: bytes, *how: Any) -> Any:
        if function == "invoke":
            bodies.append(body)
        return await plain(service, function, body, *how)

    pool.call = recorded


def _sum(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
