"""Start, call, kill and restart a real peer process."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from peer.folder import PeerFolder, public_key
from peer.settings import PeerSettings
from tests.forked import Forked, Script
from tests.measuring import measured
from tests.peer.market_world import ROOT, MarketWorld
from wasmarket.chain.sending.wallet import Account
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.deployment import dump_deployment
from wasmarket.kernel.documents.app_parts import (
    Effectors,
    Health,
    Limits,
    Manifest,
    Module,
    Service,
    Site,
)
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.manifest import dump_manifest
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.signing.requests import Request, sign_request
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.units import Hash

WAIT_SECONDS = 120.0
PEER_PROCESS = Path(__file__).with_name("peer_process.py")
PEER = Script(PEER_PROCESS)
GREETING = ROOT / "examples" / "greeting" / "greeting.wasm"
GREETING_V2 = ROOT / "examples" / "greeting-v2" / "greeting.wasm"


def wait_until(what: str, holds: Callable[[], object]) -> object:
    """Ask until the answer is true and return it; fail after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return answer


def publish(
    folder: BlockFolder,
    *modules: bytes,
    health: bool = True,
    limits: Limits | None = None,
    name: str = "greeting",
    memory: int = 16 << 20,
    effectors: Effectors | None = None,
    deterministic: bool = False,
    site: Site | None = None,
    triggers: tuple[Trigger, ...] = (),
    abi: str = "marine",
) -> Hash:
    """Put an app of one service into a block folder and return what the chain calls it."""
    entries = []
    for index, wasm in enumerate(modules):
        cid = raw_cid(wasm)
        folder.put(cid, wasm)
        entries.append(Module(name=f"module{index}", cid=cid))
    service = Service(
        name=name,
        total_memory_limit=memory,
        modules=tuple(entries),
        deterministic=deterministic,
        abi=abi,
    )
    manifest = Manifest(
        name=name,
        services=(service,),
        limits=limits or Limits(call_ms=1_000),
        health=Health(name, "health") if health else None,
        effectors=effectors or Effectors(),
        site=site,
        triggers=triggers,
    )
    block = dump_manifest(manifest)
    cid = raw_cid(block)
    folder.put(cid, block)
    return app_hash(cid)


class PeerRunner:
    """One peer with its own folder and wallet; a process while it runs."""

    def __init__(
        self, world: MarketWorld, folder: Path, wallet: Account, **settings: object
    ) -> None:
        self.world = world
        self.wallet = wallet
        self.folder = PeerFolder(folder)
        self.blocks = BlockFolder(self.folder.blocks)
        self.key = public_key(self.folder.load_key())
        self.settings = PeerSettings(port=0, poll_seconds=0.1, fetch_seconds=2.0, retry_seconds=0.5)
        self.settings = PeerSettings(**(asdict(self.settings) | settings))
        self.policy = ""
        self.rpc_url = world.anvil.url
        self.python: Path | None = None
        """The interpreter, None: ours."""
        self.counts_otherwise = False
        """Whether its engine is taken for one that does not reproduce the fuel's vectors."""
        self.url = ""
        self.number = 0
        self._process: subprocess.Popen[str] | Forked | None = None

    def register(self, **terms: Any) -> int:
        """Register on chain."""
        endpoint = self.url or "http://127.0.0.1:1"
        self.number = self.world.register_peer(self.key, self.wallet.address, endpoint, **terms)
        return self.number

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process is not None
        return self._process.pid

    def write_config(self) -> Path:
        """Write what the process is to be, and return the file."""
        config = self.folder.path / "run.json"
        config.write_text(
            json.dumps(
                {
                    "settings": asdict(self.settings),
                    "rpc_url": self.rpc_url,
                    "deployment": json.loads(dump_deployment(self.world.deployment)),
                    "wallet": "0x" + self.wallet.key.hex(),
                    "folder": str(self.folder.path),
                    "policy": self.policy,
                    "counts_otherwise": self.counts_otherwise,
                }
            )
        )
        return config

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start the process: a fork of one that has read all its code, unless it is to have an
        interpreter of its own.
        """
        config = str(self.write_config())
        environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, **measured()}
        with (self.folder.path / "log").open("a") as log:
            if self.python is None:
                self._process = PEER.start(config, environment=environment, errors=log)
                return
            self._process = subprocess.Popen(
                [self.python, str(PEER_PROCESS), config],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )

    def wait_ready(self) -> None:
        """Wait until the process answers."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log()
        self.url = json.loads(line)["url"]

    def log(self) -> str:
        """Return the end of what the process logged."""
        if not (self.folder.path / "log").exists():
            return ""
        return (self.folder.path / "log").read_text()[-8_000:]

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        code = process.wait(WAIT_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def get(self, path: str, **options: object) -> httpx.Response:
        """GET a path of the peer's API."""
        return httpx.get(self.url + path, timeout=WAIT_SECONDS, trust_env=False, **options)

    def post(self, path: str, body: object) -> httpx.Response:
        """POST JSON to a path of the peer's API."""
        return httpx.post(self.url + path, json=body, timeout=WAIT_SECONDS, trust_env=False)

    def move(self) -> None:
        """Say on chain where the peer is reached now."""
        world = self.world
        world.send(world.provider, world.market.call("set_endpoint", self.number, self.url))

    def call(
        self,
        deal: int,
        function: str,
        arguments: object,
        service: str = "greeting",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Call a function with JSON arguments."""
        url = f"{self.url}/v1/deals/{deal}/{service}/{function}"
        return httpx.post(
            url, json=arguments, headers=headers, timeout=WAIT_SECONDS, trust_env=False
        )

    def signed(
        self, method: str, path: str, body: bytes = b"", by: Account | None = None
    ) -> httpx.Response:
        """Send a request signed by the developer, or by another account."""
        return httpx.request(
            method,
            self.url + path,
            content=body,
            headers=self.sign(method, path, body, by),
            timeout=WAIT_SECONDS,
            trust_env=False,
        )

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[str]]:
        """GET a path by the developer's signed request, line by line as they come."""
        with httpx.stream(
            "GET",
            self.url + path,
            headers=self.sign("GET", path, b""),
            timeout=WAIT_SECONDS,
            trust_env=False,
        ) as answer:
            yield answer.iter_lines()

    def sign(
        self, method: str, path: str, body: bytes, by: Account | None = None
    ) -> dict[str, str]:
        """Return the header that signs a request for the developer, or for another account."""
        deployment = self.world.deployment
        request = Request(
            method,
            path,
            body,
            self.world.rpc.fetch_head().timestamp + 600,
            Hash("0x" + os.urandom(32).hex()),
        )
        domain = market_domain(deployment.chain_id, deployment.market)
        header = sign_request(request, domain, (by or self.world.developer).key)
        return {"Authorization": header}

    def state(self, deal: int) -> str:
        """Return the state of a deal, or the status of the answer."""
        answer = self.get(f"/v1/deals/{deal}")
        return answer.json()["state"] if answer.status_code == 200 else str(answer.status_code)

    def wait_for_state(self, deal: int, state: str) -> None:
        """Wait until a deal is in a state on this peer."""
        wait_until(f"deal {deal} is {state}", lambda: self.state(deal) == state)

    def wait_for_epoch(self, epoch: int) -> None:
        """Wait until the peer has seen an epoch begin."""
        wait_until(
            f"the peer is in epoch {epoch}",
            lambda: self.get("/v1/status").json()["extra"]["epoch"] == epoch,
        )
