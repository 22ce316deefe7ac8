"""Drive a running local market as its users do: by command, by client, over HTTP."""

import contextlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.e2e.stories import read_events
from tests.measuring import measured
from tests.paths import CHECKOUT
from tests.peer.tcp_proxy import TcpProxy
from wasmarket.app.file import App, load_app
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.developer_offers import Requirement
from wasmarket.client.home import Home
from wasmarket.client.provider import ProviderClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.events import Event
from wasmarket_cli.local.epochs import next_epoch
from wasmarket_cli.local.network import LocalMarket, start_market
from wasmarket_cli.local.plan import FREE_PORTS, Plan, find_free_port
from wasmarket_cli.main import main

COMMAND = CHECKOUT / "tools" / "wasmarket"
EXAMPLES = CHECKOUT / "examples"
GREETING = EXAMPLES / "greeting"
GREETING_V2 = EXAMPLES / "greeting-v2"
WAIT_SECONDS = 120.0
"""Longer than anything takes on a machine that is slow and busy."""
FETCH_SECONDS = 4.0
"""How long peers look for content, short so that a test of what is nowhere is short."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    output: bytes
    err: str

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.output.decode()

    @property
    def json(self) -> Any:
        """The JSON document on standard output."""
        assert self.output, self.err
        return json.loads(self.output)


def wait_until(what: str, find: Callable[[], Result], seconds: float = WAIT_SECONDS) -> Result:
    """Return what `find` finds as soon as it is true."""
    until = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < until, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)
    return found


def own_settings() -> list[str]:
    """Return the names of settings in our environment, which tests must not depend on."""
    return [name for name in os.environ if name.startswith("WASMARKET_")]


def run_here(*arguments: str, stdin: bytes = b"") -> Ran:
    """Run the command line in this process: the same code, without a second of start."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    given = io.TextIOWrapper(io.BytesIO(stdin))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", given)
        patch.delenv("COLUMNS", raising=False)
        logger = logging.getLogger()
        handlers, level = logger.handlers[:], logger.level
        try:
            code = main(arguments)
        finally:
            # Services send all logs to their standard error, which is ours only for now.
            logger.handlers[:] = handlers
            logger.setLevel(level)
    out.flush()
    err.flush()
    assert isinstance(out.buffer, io.BytesIO)
    assert isinstance(err.buffer, io.BytesIO)
    return Ran(int(code), out.buffer.getvalue(), err.buffer.getvalue().decode())


def run_process(*arguments: str, environ: dict[str, str], stdin: bytes = b"") -> Ran:
    """Run the real command in a process of its own."""
    done = subprocess.run(
        [str(COMMAND), *arguments],
        env=environ | measured(),
        input=stdin,
        capture_output=True,
        timeout=180,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())


class MarketDriver:
    """A local market whose processes reach their chain through a proxy that can be cut."""

    def __init__(self, home: Home, plan: Plan, environ: dict[str, str]) -> None:
        """`environ` is for the market's processes and for commands, and nobody else."""
        port = find_free_port()
        self.proxy = TcpProxy(port)
        self.home = home
        # A project that is deployed remembers it: not in the checkout.
        self.greeting = shutil.copytree(GREETING, home.root / "greeting", dirs_exist_ok=True)
        self._environ = environ | {
            "WASMARKET_CHAIN__RPC": f"http://127.0.0.1:{self.proxy.port}",
            "WASMARKET_PEER__FETCH_SECONDS": str(FETCH_SECONDS),
        }
        try:
            with self.environment():
                self.market: LocalMarket = start_market(
                    home,
                    Plan(
                        peers=plan.peers,
                        ports=replace(FREE_PORTS, chain=port),
                        payments=plan.payments,
                    ),
                )
        except BaseException:
            self.proxy.close()
            raise

    def close(self) -> None:
        """End everything."""
        self.market.stop()
        self.proxy.close()

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """Set what the market's processes and commands find in their environment."""
        with pytest.MonkeyPatch.context() as patch:
            for name in own_settings():
                patch.delenv(name)
            for name, value in self._environ.items():
                patch.setenv(name, value)
            yield

    @property
    def wiring(self) -> Wiring:
        """The test's own way to the chain, which is never cut."""
        return self.market.wiring

    def run(self, *arguments: object, stdin: bytes = b"") -> Ran:
        """Run a command of this home here, once the index has what was written before."""
        self.wait_indexed()
        if arguments[0] in ("deploy", "quote"):
            self.wait_answering()
        with self.environment():
            return run_here(
                "--home", str(self.home.root), *(str(a) for a in arguments), stdin=stdin
            )

    def wait_indexed(self) -> None:
        """Wait until the index has all blocks that there are, unless it is cut off from them."""
        if self.proxy.is_cut:
            return
        head = self.wiring.rpc.fetch_block_number()
        matcher = self.client().matcher
        wait_until(
            "the index is there", lambda: (matcher.get("/v1/status")["indexed"] or 0) >= head
        )

    def wait_answering(self) -> None:
        """Wait until the matcher counts with each peer of the plan that runs.

        It passes one over that was away, or too slow, when it was asked twice.
        """
        running = {
            number
            for name, number in self.market.peer_ids.items()
            if self.market.peers[name].is_running
        }
        wait_until("peers answer the matcher", lambda: running <= self._answering())

    def _answering(self) -> set[int]:
        rows = self.client().matcher.items("/v1/peers")
        return {row["id"] for row in rows if row["reachable"] and row["reachable"]["answers"]}

    def client(self, name: str = "developer") -> DeveloperClient:
        """Return a developer's client."""
        return DeveloperClient(self.wiring, name)

    def provider(self, name: str) -> ProviderClient:
        """Return a provider's client."""
        return ProviderClient(self.wiring, name)

    def new_account(self, kind: str, *, funded: bool = True) -> str:
        """Make an account that no other test has, with test tokens or nothing; return its name."""
        name = f"{kind}-{len(self.run('wallet', 'list', '--json').json)}"
        made = self.run("wallet", "new", name, "--no-password")
        assert made.code == 0, made.err
        if funded:
            self.market.fund(self.wiring.account(name))
        return name

    def address(self, name: str) -> str:
        """Return the address of a key."""
        return self.wiring.account(name).address

    def balance(self, name: str) -> dict[str, str]:
        """Return what `wallet balance` says of a key."""
        found: dict[str, str] = self.run("wallet", "balance", "--key", name, "--json").json
        return found

    def deploy(self, app: App | None = None, *, only: str = "", **requirement: Any) -> int:
        """Publish an app, offer for units, wait until all of them run; return the deal."""
        deal = self.match(app, only=only, **requirement)
        wait_until("all units are active", lambda: self.states(deal) == {"active"})
        return deal

    def match(self, app: App | None = None, *, only: str = "", **requirement: Any) -> int:
        """Publish an app, offer for units, wait until it is a deal; return the deal."""
        client = self.client()
        built = app or load_app(GREETING)
        client.publish(built)
        return self.deal_of(
            client.offer(self.requirement(only=only, **requirement), built.app).hash
        )

    def requirement(self, *, only: str = "", **requirement: Any) -> Requirement:
        """Return a wish for one unit, cheap for tests to change."""
        limits: dict[str, Any] = {
            "units": 1,
            "max_price": 20_000,
            "deposit": 1_000_000,
        } | requirement
        if only:
            limits |= {"providers": (self.address(only),), "providers_mode": 1}
        return Requirement(**limits)

    def deal_of(self, offer: str) -> int:
        """Wait until an offer is a deal; return its number."""
        client = self.client()
        return int(wait_until("a match", lambda: client.offer_state(offer)["deal"]))  # type: ignore[arg-type]

    def assignments(self, deal: int) -> list[dict[str, Any]]:
        """Return all assignments of a deal, also those that have ended."""
        return list(self.client().matcher.items(f"/v1/deals/{deal}/assignments"))

    def states(self, deal: int) -> set[str]:
        """Return the states of a deal's live assignments."""
        return {row["state"] for row in self.client().deal(deal)["assignments"]}

    def next_epoch(self) -> int:
        """Begin the next epoch; wait until every peer that must has committed the last, and the
        index has seen it.
        """
        epoch = next_epoch(self.wiring, lambda _: True)
        self.wait_indexed()
        return epoch

    def events(self, kind: type[Event]) -> list[Any]:
        """Return all events of a kind so far, from the chain itself."""
        return read_events(self.wiring, kind)

    def call(
        self, deal: int, target: str, value: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """POST JSON to a function through the gateway; return the answer as it is."""
        url = f"{self.client().gateway.url}/v1/deals/{deal}/{target}"
        return httpx.post(url, json=[] if value is None else value, headers=headers, timeout=60)


def write_app(folder: Path, wasm: bytes, **extra: str) -> App:
    """Write an app of one module, `guest`, and build it; `extra` are lines of `app.toml`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "guest.wasm").write_bytes(wasm)
    (folder / "app.toml").write_text(
        "\n".join(
            (
                'name = "guest"',
                *(f"{name} = {value}" for name, value in extra.items()),
                "[limits]",
                "call_ms = 500",
                "output_bytes = 65536",
                "[[service]]",
                'name = "guest"',
                'abi = "marine"',
                'instance = "fresh"',
                "total_memory_limit = 4194304",
                "[[service.module]]",
                'name = "guest"',
                'path = "guest.wasm"',
            )
        )
    )
    return load_app(folder)
