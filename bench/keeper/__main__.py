"""Measure a keeper: `python -m bench.keeper` writes bench/results/keeper.json.

One process serves a store of ten thousand deals of one developer and its node; the keeper here is
the real one over real HTTP. An epoch is a look at all deals when it begins, of which some are short
and asked about on chain, and the turns until the next one, in each of which there is a new block
with claims and evictions. The keeper's own watch is told that its pauses passed; nobody waits.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import tomli_w

from bench.group_command import build_command
from bench.keeper.served_market import EPOCH_SECONDS
from bench.peer.measures import SECONDS, Measure
from keeper.accounts import DeveloperAccount
from keeper.policy import parse_policy
from keeper.run import KeeperParts, KeeperProcess
from keeper.settings import KeeperSettings
from wasmarket import __version__
from wasmarket.chain.sending.wallet import Account, save_account
from wasmarket.client.home import Home
from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import PASSWORD, Wiring
from wasmarket.testing.fake_chain import fake_deployment

DEALS, SHORT = 10_000, 50
KEY = "developer"
POLICY = """
[[runway]]
key = "developer"
floor_epochs = 100
target_epochs = 300
most_usdc_per_month = "1000"
"""
MEASURES = (
    Measure("epoch", "processor time of an epoch, 10,000 deals", SECONDS, "lower", 1),
    Measure("first", "of it: the look at all deals, 50 of them short", SECONDS, "lower"),
    Measure("turns", "of it: the turns until the next epoch (240)", SECONDS, "lower"),
)


@contextmanager
def served_market(developer: str) -> Iterator[subprocess.Popen[str]]:
    """Run the market beside us."""
    command = [sys.executable, "-m", "bench.keeper.served_market", str(DEALS), str(SHORT)]
    process = subprocess.Popen(
        [*command, developer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def measure() -> dict[str, float]:
    """Return the processor time of an epoch, and of its parts."""
    account = Account.from_key(b"\x05" * 32)
    with (
        tempfile.TemporaryDirectory(prefix="wasmarket-keeper-") as folder,
        served_market(account.address) as market,
    ):
        said = json.loads(_read(market))
        home = Home(Path(folder))
        save_account(home.keys, KEY, account)
        tables = {"chain": {"rpc": said["rpc"]}, "client": {"matcher": said["matcher"]}}
        home.config.write_text(tomli_w.dumps(tables), encoding="utf-8")
        wiring = Wiring(
            load_configuration(home, {PASSWORD: ""}),
            given_deployment=fake_deployment(epoch_seconds=EPOCH_SECONDS),
        )
        watch = Watch()
        keeper = _build_keeper(wiring, home.root, watch)
        # The first look of all tells what a running keeper has told before.
        for _ in range(2):
            keeper.step()
            _order(market, "epoch")
            watch.seconds += EPOCH_SECONDS
        keeper.step()
        pause = KeeperSettings().poll_seconds
        turns = int(EPOCH_SECONDS / pause)
        _order(market, f"begin {turns}")
        watch.seconds += EPOCH_SECONDS
        began = _spent()
        keeper.step()
        first = _spent() - began
        for _ in range(turns):
            _order(market, "turn")
            watch.seconds += pause
            keeper.step()
        whole = _spent() - began
        assert len(keeper.runways.obstacles) == SHORT, keeper.runways.obstacles[:3]
        keeper.close()
        wiring.close()
    return {"epoch": whole, "first": first, "turns": whole - first}


class Watch:
    """The keeper's own clock, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def count(self) -> float:
        """Return how many have passed."""
        return self.seconds


def _build_keeper(wiring: Wiring, folder: Path, watch: Watch) -> KeeperProcess:
    parts = KeeperParts(
        settings=KeeperSettings(),
        policy=parse_policy(POLICY, "the bench's policy"),
        policy_folder=folder,
        folder=folder / "keeper",
        deployment=wiring.deployment,
        funders={KEY: DeveloperAccount(wiring, KEY)},
        claimers={},
        watched={},
        statements={},
        write_pdf=lambda _: b"",
        read_time=wiring.clock.refresh,
        read_gas_price=lambda: 10**9,
        http=httpx.Client(),
        version=__version__,
        count_seconds=watch.count,
    )
    return KeeperProcess(parts)


def _order(market: subprocess.Popen[str], what: str) -> None:
    assert market.stdin is not None
    market.stdin.write(f"{what}\n")
    market.stdin.flush()
    _read(market)


def _read(market: subprocess.Popen[str]) -> str:
    assert market.stdout is not None
    line = market.stdout.readline()
    if not line:
        raise RuntimeError("the market ended")
    return line


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


cli = build_command(
    "keeper", "A keeper of 10,000 deals", {"epoch": measure}, MEASURES, __doc__ or ""
)

if __name__ == "__main__":
    cli()
