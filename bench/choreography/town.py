"""Several peer processes on one market, one deal on all of them."""

import importlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.peer.market import ROOT, pin
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.particles import to_peer_id
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import Hash

_world: Any = importlib.import_module("tests.peer.market_world")
_runner: Any = importlib.import_module("tests.peer.peer_runner")
UNITS = 16


class Town:
    """Peers, their ids and workers."""

    def __init__(self, world: Any, runners: list[Any], deal: int) -> None:
        self.world = world
        self.runners = runners
        self.deal = deal
        # One connection, and no question to the chain for the time, as of a program that goes on.
        self._http = httpx.Client(trust_env=False, timeout=60)
        self._until = world.rpc.fetch_head().timestamp + 600
        deployment = world.deployment
        self._domain = market_domain(deployment.chain_id, deployment.market)
        self.hosts = [to_peer_id(raw(runner.key)) for runner in runners]
        self.workers = [self._find_worker(runner) for runner in runners]

    def _find_worker(self, runner: Any) -> str:
        held = runner.get(f"/v1/deals/{self.deal}").json()["assignments"]
        return str(held[0]["worker"]["id"])

    def run(self, script: str, ttl_ms: int = 60_000) -> Any:
        """Have the first peer run a script and return the result."""
        body = json.dumps({"script": script, "ttl_ms": ttl_ms}).encode()
        request = Request(
            "POST", "/v1/scripts", body, self._until, Hash("0x" + os.urandom(32).hex())
        )
        header = sign_request(request, self._domain, self.world.developer.key)
        answer = self._http.post(
            self.runners[0].url + "/v1/scripts", content=body, headers={"Authorization": header}
        )
        answer.raise_for_status()
        return answer.json()["result"]

    def processes(self) -> list[psutil.Process]:
        """Return all processes of all peers."""
        peers = [psutil.Process(runner.pid) for runner in self.runners]
        return [p for peer in peers for p in (peer, *peer.children(recursive=True))]

    def cpu(self) -> float:
        """Return the processor seconds of all peers so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def pin(self, core: int) -> None:
        """Keep all on one core."""
        for process in self.processes():
            pin(process.pid, core)


@contextmanager
def open_town(count: int, **settings: object) -> Iterator[Town]:
    """Start so many peers that serve one deal of the greeting."""
    world = _world.MarketWorld()
    runners: list[Any] = []
    wasm = (ROOT / "examples" / "greeting" / "greeting.wasm").read_bytes()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count):
                own = Path(folder) / str(number)
                own.mkdir()
                given = settings if number == 0 else {}
                runner = _runner.PeerRunner(
                    world, own, world.next_wallet(), particles_per_minute=10**6, **given
                )
                runners.append(runner)
                runner.register(units=UNITS)
                runner.start()
                runner.move()
                app = _runner.publish(runner.blocks, wasm)
            deal = world.match(app, [runner.number for runner in runners]).deal
            for runner in runners:
                runner.wait_for_state(deal, "serving")
            try:
                yield Town(world, runners, deal)
            finally:
                for runner in runners:
                    runner.stop()
    finally:
        world.close()


def time_median(town: Town, work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median of so many rounds, and the peers' processor time of one, milliseconds."""
    for _ in range(5):
        work()
    times: list[float] = []
    began = town.cpu()
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3, (town.cpu() - began) / rounds * 1e3


def post(client: httpx.Client, url: str, frame: bytes) -> None:
    """Bring a particle."""
    client.post(f"{url}/v1/particles", content=frame).raise_for_status()
