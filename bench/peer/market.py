"""A real peer process with deals of a real market on Anvil, as a provider runs it."""

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from bench.peer.runtime import GUEST, MEMORY
from wasmarket.kernel.documents.app_parts import Health, Limits, Manifest, Module, Service
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.manifest import dump_manifest
from wasmarket.kernel.units import Hash

ROOT = Path(__file__).resolve().parents[2]
# The market and the peers of the tests. Installed packages may bring a `tests` of their own.
_tests = ModuleType("tests")
_tests.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = _tests


def load_tests(name: str) -> Any:
    """Return a module of the tests' own tools."""
    return importlib.import_module(f"tests.{name}")


_world = load_tests("peer.market_world")
_runner = load_tests("peer.peer_runner")
MAX_UNITS = 4_000


class PeerBench:
    """One registered peer on its own market; `core` is where its processes run."""

    def __init__(self, world: Any, runner: Any, core: int | None) -> None:
        self.world = world
        self.runner = runner
        self._core = core

    @classmethod
    @contextmanager
    def open(
        cls, core: int | None, *, policy: str = "", **settings: object
    ) -> "Iterator[PeerBench]":
        """Deploy a market, start a peer with a policy file; both end with the context."""
        world = _world.MarketWorld()
        try:
            with tempfile.TemporaryDirectory() as folder:
                runner = _runner.PeerRunner(world, Path(folder), world.next_wallet(), **settings)
                runner.policy = policy
                bench = cls(world, runner, core)
                runner.register(units=MAX_UNITS)
                bench.start()
                try:
                    yield bench
                finally:
                    runner.stop()
        finally:
            world.close()

    def start(self) -> None:
        """Start the peer, and pin it with all that it starts later."""
        self.runner.start()
        self.pin_all()

    def pin_all(self) -> None:
        """Keep the peer's processes of now on its core."""
        if self._core is not None:
            for process in self.processes():
                pin(process.pid, self._core)

    def processes(self) -> list[psutil.Process]:
        """Return the peer's process and those that it started."""
        peer = psutil.Process(self.runner.pid)
        return [peer, *peer.children(recursive=True)]

    def publish(
        self,
        instance: str,
        wasm: bytes | None = None,
        name: str = "bench",
        limits: Limits | None = None,
    ) -> Hash:
        """Put an app of the guest into the peer's blocks."""
        module = GUEST.read_bytes() if wasm is None else wasm
        blocks = self.runner.blocks
        cid = raw_cid(module)
        blocks.put(cid, module)
        service = Service(
            name="bench",
            total_memory_limit=MEMORY,
            modules=(Module(name="guest", cid=cid),),
            instance=instance,
        )
        block = dump_manifest(
            Manifest(
                name=name,
                services=(service,),
                limits=limits or Limits(call_ms=1_000),
                health=Health("bench", "health"),
            )
        )
        app = raw_cid(block)
        blocks.put(app, block)
        return app_hash(app)

    def deploy(self, app: Hash, units: int = 1, **terms: Any) -> int:
        """Match the app with the peer and wait until it serves; return the deal."""
        deal: int = self.world.match(app, [self.runner.number], units, **terms).deal
        self.runner.wait_for_state(deal, "serving")
        return deal

    def call_url(self, deal: int, function: str = "digest") -> str:
        """Return the URL of a function."""
        return f"{self.runner.url}/v1/deals/{deal}/bench/{function}"


def pin(pid: int, core: int) -> None:
    """Keep a process, all of its threads and what it starts later on one core."""
    subprocess.run(
        ["taskset", "-a", "-c", "-p", str(core), str(pid)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
