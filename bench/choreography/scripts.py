"""Scripts between peer processes, and many particles at one."""

import importlib
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from bench.choreography.sender import bring_steadily
from bench.choreography.town import Town, open_town, post, time_median
from bench.peer.calls import find_port
from wasmarket.kernel.documents.particles import encode_particle

_bench: Any = importlib.import_module("tests.peer.choreography.avm_bench")
_js: Any = importlib.import_module("tests.peer.choreography.test_js_client")
ROUNDS = 60
PARTICLES = 1_500
SENDERS = 8
BESIDE_SECONDS = 3.0
BESIDE_ROUNDS = 3
RATE = 100
"""Particles a second while plain calls are made."""


def measure_two_hops() -> dict[str, float]:
    """A script from one peer to another, a call of a deal there, and home."""
    with open_town(2) as town:
        script = _to_peer(town, 1)
        median, cpu = time_median(town, lambda: town.run(script), ROUNDS)
    return {"two hops p50": median, "two hops cpu": cpu}


def measure_fan_out() -> dict[str, float]:
    """To ten peers at once, a call of a deal at each, all answers joined at home."""
    with open_town(10) as town:
        script = _fan_out(town)
        median, cpu = time_median(town, lambda: town.run(script), ROUNDS // 3)
    return {"fan-out p50": median, "fan-out cpu": cpu}


def measure_particles() -> dict[str, float]:
    """Particles of strangers, brought over HTTP, a service call for each; and calls beside them."""
    with open_town(1) as town:
        town.pin(0)
        seconds, cpu = _bring(town, PARTICLES)
        share = statistics.median(_call_beside(town) for _ in range(BESIDE_ROUNDS))
    return {
        "particles": PARTICLES / seconds,
        "particles cpu": cpu / PARTICLES * 1e3,
        "calls beside": share,
    }


def measure_js_client() -> dict[str, float]:
    """npm js-client by the edge, and the same over HTTP."""
    with open_town(2, p2p_port=find_port()) as town, tempfile.TemporaryDirectory() as folder:
        [address] = town.runners[0].get("/v1/particles").json()["addresses"]
        steps = _js.run_client(address, town.deal, folder, MANY="20", TRIPS="100")
        script = f"""(seq (call "{town.hosts[0]}" ("op" "concat_strings") ["got " "trip"] x)
          (call %init_peer_id% ("callbackSrv" "response") [x]))"""
        median, _ = time_median(town, lambda: town.run(script), ROUNDS)
    return {"js-client p50": steps["tripMs"], "http p50": median}


def _to_peer(town: Town, number: int) -> str:
    home, there, worker = town.hosts[0], town.hosts[number], town.workers[number]
    return f"""(seq (call "{home}" ("op" "noop") [])
     (seq (call "{there}" ("op" "noop") [])
      (seq (call "{worker}" ("greeting" "greeting") ["Bob"] x)
       (seq (call "{there}" ("op" "noop") [])
        (seq (call "{home}" ("op" "noop") [])
         (call %init_peer_id% ("callbackSrv" "response") [x]))))))"""


def _fan_out(town: Town) -> str:
    branches = "(null)"
    for host, worker in zip(town.hosts, town.workers, strict=True):
        branch = f"""(seq (call "{host}" ("op" "noop") [])
          (seq (call "{worker}" ("greeting" "greeting") ["Bob"] $s)
           (seq (call "{host}" ("op" "noop") []) (call "{town.hosts[0]}" ("op" "noop") []))))"""
        branches = f"(par {branch} {branches})"
    count = len(town.hosts)
    return f"""(seq (par {branches} (null))
     (new $test (seq (fold $s i (seq (seq (ap i $test) (canon "{town.hosts[0]}" $test #found))
       (xor (match #found.length {count} (null)) (next i))) (never))
      (seq (canon "{town.hosts[0]}" $test #all)
       (call %init_peer_id% ("callbackSrv" "response") [#all])))))"""


def _particle(town: Town) -> bytes:
    host, worker = town.hosts[0], town.workers[0]
    script = f"""(seq (call "{host}" ("op" "noop") [])
     (call "{worker}" ("greeting" "greeting") ["Bob"] x))"""
    frame: bytes = encode_particle(_bench.build_particle(7, script))
    return frame


def _count_calls(town: Town) -> int:
    stats = town.runners[0].signed("GET", f"/v1/deals/{town.deal}/stats").json()
    return int(stats["calls"]["answered"])


def _bring(town: Town, count: int) -> tuple[float, float]:
    """Bring so many particles; return seconds until all were called, and processor seconds."""
    frames = [_particle(town) for _ in range(count)]
    url = town.runners[0].url
    with httpx.Client(trust_env=False, timeout=60) as client:
        first = _count_calls(town)
        for frame in frames[:20]:
            post(client, url, frame)
        before = _wait_for(town, first + 20)
        cpu, began = town.cpu(), time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda frame: post(client, url, frame), frames[20:]))
        _wait_for(town, before + count - 20)
        return time.perf_counter() - began, town.cpu() - cpu


def _call_beside(town: Town) -> float:
    """Return plain calls a second while particles are brought, as a share of those without."""
    alone = _call_for(town, BESIDE_SECONDS)
    frames = [_particle(town) for _ in range(int(RATE * BESIDE_SECONDS))]
    with bring_steadily(town.runners[0].url, frames, RATE):
        return _call_for(town, BESIDE_SECONDS) / alone


def _wait_for(town: Town, calls: int) -> int:
    while (now := _count_calls(town)) < calls:
        time.sleep(0.1)
    return now


def _call_for(town: Town, seconds: float) -> float:
    """Return plain calls a second, one after the other."""
    url = f"{town.runners[0].url}/v1/deals/{town.deal}/greeting/greeting"
    body, count = json.dumps(["Bob"]), 0
    until = time.perf_counter() + seconds
    with httpx.Client(trust_env=False) as client:
        while time.perf_counter() < until:
            client.post(url, content=body).raise_for_status()
            count += 1
    return count / seconds
