"""The indexer against the real contracts: equal to the chain, through reorgs and kill -9."""

import json
import threading
from pathlib import Path
from random import Random

import httpx
import pytest
from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from indexer.verify.run import verify_store
from tests.forked import Script
from tests.indexer.market_life import MarketLife, check_against_chain
from tests.indexer.verifying import check_spoilt_rows, check_spoilt_views
from tests.matcher.anvil_town import AnvilTown, deploy
from tests.paths import CHECKOUT
from tests.wasmarket.store.stores import copy_store, dump
from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.kernel.deployment import dump_deployment
from wasmarket.kernel.errors import InvalidInput
from wasmarket.store.chain.events import fetch_events
from wasmarket.store.database import open_database, sqlite_url

pytestmark = pytest.mark.anvil

INDEXER = Script(Path(__file__).with_name("indexer_process.py"))
NEVER = threading.Event()


@pytest.fixture(scope="module")
def lived():
    """A market with some history."""
    with Anvil.start(timestamp=1_800_000_000) as anvil:
        town = AnvilTown(anvil, deploy(anvil))
        town.settle_in()
        life = MarketLife(town, seed=7)
        life.open_accounts()
        life.act(48)
        yield life


@pytest.fixture
def life(lived):
    """The same history for every test; what a test adds to it is undone."""
    snapshot, random, bids = lived.town.anvil.cheats.snapshot(), lived.random, list(lived.bids)
    lived.random = Random(8)
    yield lived
    lived.town.anvil.cheats.revert(snapshot)
    lived.random, lived.bids = random, bids


@pytest.fixture
def follow(life, template, tmp_path):
    """Make loops, each with a store of its own."""
    opened = []

    def make(name):
        path = tmp_path / f"{name}.sqlite"
        is_there = path.exists()
        database = open_database(sqlite_url(path)) if is_there else copy_store(template, path)
        town = life.town
        loop = IndexLoop(database, town.rpc, town.deployment, Board(CollectorRegistry()))
        assert loop._leader.acquire()
        opened.append((loop, database))
        return loop, database

    yield make
    for loop, database in opened:
        loop.close()
        database.close()


def test_index__random_market__equals_the_contracts_views(life, follow):
    loop, database = follow("live")
    for _ in range(6):
        life.act(8)
        loop.step(NEVER)
        check_against_chain(database, life.town)

    with database.read() as session:
        names = {event.name for event in fetch_events(session, limit=None)}
    assert life.done > 20
    assert {"Matched", "Activated", "Ended", "Claimed", "FillSkipped", "Skipped"} <= names


def test_index__reorg_of_a_lived_market__equals_one_that_never_saw_it(life, follow):
    loop, database = follow("live")
    loop.step(NEVER)
    life.act(6)
    loop.step(NEVER)

    life.town.anvil.cheats.reorg(5)
    life.act(2)
    loop.step(NEVER)
    fresh, straight = follow("straight")
    fresh.step(NEVER)

    check_against_chain(database, life.town)
    after, expected = dump(database), dump(straight)
    after.pop("block"), expected.pop("block")
    assert after == expected


def test_verify_store__spoilt_in_each_viewed_column__names_the_table(life, follow, tmp_path):
    loop, database = follow("live")
    life.act(10)
    life.town.send(dev_accounts()[0], life.town.market, "set_paused", True)
    life.town.send(dev_accounts()[0], life.town.market, "set_paused", False)
    loop.take_turn(NEVER)

    seen = check_spoilt_views(database, life.town.rpc, life.town.deployment, tmp_path)

    assert seen >= {
        "account",
        "deal",
        "assignment",
        "run_end",
        "commitment",
        "epoch_total",
        "stake",
    }


def test_verify_store__rows_missing__a_replay_finds_one_of_each_table(life, follow, tmp_path):
    loop, database = follow("live")
    loop.take_turn(NEVER)
    rpc, deployment = life.town.rpc, life.town.deployment
    assert verify_store(database, rpc, deployment, replays=True).differences == []

    seen = check_spoilt_rows(database, rpc, deployment, tmp_path)

    assert seen >= {"event", "deal_change", "claim", "fill_skip", "batch_skip"}


def test_verify_store__earlier_block__is_compared_as_it_was(life, follow):
    loop, database = follow("live")
    loop.take_turn(NEVER)
    earlier = life.town.rpc.fetch_head().number - 5
    rpc, deployment = life.town.rpc, life.town.deployment

    verdict = verify_store(database, rpc, deployment, block=earlier)

    assert (verdict.block, verdict.differences) == (earlier, [])
    with pytest.raises(InvalidInput, match="can be taken back to"):
        verify_store(database, rpc, deployment, block=earlier + 1_000)


@pytest.mark.parametrize(("times", "found"), [(1, 0), (2, 1)])
def test_verify_store__node_is_wrong__counts_what_it_says_twice(life, follow, times, found):
    loop, database = follow("live")
    loop.take_turn(NEVER)
    node = WrongAtFirst(life.town.rpc, "free", times)

    verdict = verify_store(database, node, life.town.deployment)

    assert node.left == 0
    assert [one.column for one in verdict.differences] == ["free"] * found
    assert verdict.found == found


class WrongAtFirst:
    """A node that says one unit too many the first times that it is asked for this view."""

    def __init__(self, rpc, view, times):
        self._rpc = rpc
        self._selector = load_abi("Staking").function(view).selector
        self.left = times

    def __getattr__(self, name):
        return getattr(self._rpc, name)

    def call_many(self, calls, *, block="latest"):
        answers = self._rpc.call_many(calls, block=block)
        if self.left and calls and calls[0][1][:4] == self._selector:
            self.left -= 1
            answers[0] = (int.from_bytes(answers[0], "big") + 1).to_bytes(32, "big")
        return answers


@pytest.fixture
def start(life, tmp_path):
    """Start indexer processes on one store."""
    file = tmp_path / "deployment.json"
    file.write_text(dump_deployment(life.town.deployment))
    started = []

    def run(store, die_at=0):
        process = INDEXER.start(
            *(str(file), sqlite_url(store), life.town.rpc.url, str(die_at)),
            environment={"PYTHONPATH": str(CHECKOUT), "PATH": ""},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(url, block):
    """Wait until an indexer has come to a block; return its status."""
    pause = threading.Event()
    for _ in range(400):
        status = httpx.get(f"{url}/v1/status").json()
        if status["indexed"] == block:
            return status
        pause.wait(0.05)
    raise AssertionError(status)


def test_run__killed_at_many_statements__restarts_to_the_same_store(life, follow, start, tmp_path):
    life.act(10)
    head = life.town.rpc.fetch_head().number
    store = tmp_path / "killed.sqlite"

    for die_at in (1, 45, 90, 150, 200):
        process = start(store, die_at)
        assert process.wait(timeout=180) == -9
    process = start(store)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    status = wait_for(url, head)
    ready = httpx.get(f"{url}/v1/health/ready")
    metrics = httpx.get(f"{url}/metrics").text
    process.terminate()

    assert process.wait(timeout=180) == 0
    assert (status["head"], status["extra"]["leader"], status["extra"]["lag"]) == (head, True, 0)
    assert status["contracts"]["Market"] == life.town.deployment.market
    assert ready.json()["ok"]
    assert f"wasmarket_indexed_block {float(head)}" in metrics
    fresh, straight = follow("straight")
    fresh.step(NEVER)
    killed, database = follow("killed")
    killed.step(NEVER)
    was_killed, was_not = dump(database), dump(straight)
    # Which blocks between are remembered depends on where the process was cut; the newest does not.
    assert max(was_killed.pop("block")) == max(was_not.pop("block"))
    assert was_killed == was_not
