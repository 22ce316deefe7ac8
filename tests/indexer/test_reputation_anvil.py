"""Reputations on the real contracts, counted twice: from the index, and from the chain's logs."""

import sqlite3
import threading
from contextlib import closing, contextmanager
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from matcher.api.reputation.reads import ReputationReads
from matcher.api.reputation.routes import reputation_routes
from tests.indexer.market_life import MarketLife
from tests.matcher.anvil_town import AnvilTown, deploy
from tests.matcher.fake_town import Http
from tests.wasmarket.store.stores import copy_store, make_template
from wasmarket.chain.contracts.fills import build_fill
from wasmarket.chain.development.anvil import Anvil
from wasmarket.client.reputation.reading import ReputationClient
from wasmarket.kernel.reasons import DropReason, LeaveReason
from wasmarket.store.database import open_database, sqlite_url

pytestmark = pytest.mark.anvil

LIES = {
    "an eviction left out": "DELETE FROM reputation_event WHERE kind = 'evicted_unproven'",
    "a leave for a drop": "UPDATE reputation_event SET kind = 'left' WHERE kind = 'dropped'",
    "another reason": f"UPDATE reputation_event SET reason = '{48:078}' WHERE reason IS NOT NULL",
    "another's eviction": "UPDATE reputation_event SET peer = 2 WHERE kind = 'evicted_unproven'",
    "long ago": "UPDATE reputation_event SET epoch = epoch - 500 WHERE kind = 'left'",
    "another transaction": "UPDATE reputation_event SET tx_hash = '0x' || substr(tx_hash, 4) || '0'"
    " WHERE kind = 'left'",
    "more pay": "UPDATE reputation_event SET paid = paid + 1 WHERE kind = 'claimed'",
    "a proof made up": "UPDATE peer_epoch SET proven = NOT proven WHERE peer = 1",
    "a missed epoch left out": "DELETE FROM peer_epoch WHERE peer = 1 AND NOT proven",
    "a dearer epoch": "UPDATE peer_epoch SET billed = billed + 1 WHERE peer = 1",
    "a provider's proof made up": "UPDATE provider_epoch SET proven = active - proven",
    "a provider's missed epoch left out": "DELETE FROM provider_epoch WHERE proven < active",
    "a provider's dearer epoch": "UPDATE provider_epoch SET billed = billed + 1",
    "a larger bond": "UPDATE peer SET units = units + 1",
    "a proof of another epoch": "UPDATE event SET data = replace(data, '\"epoch\":', '\"epoch\":1')"
    " WHERE name = 'Committed' AND peer = 1",
}


class IndexedTown:
    """A market on Anvil, its index, and the API's routes over that."""

    def __init__(self, town, database):
        self.town, self.database = town, database
        self.loop = IndexLoop(database, town.rpc, town.deployment, Board(CollectorRegistry()))
        assert self.loop._leader.acquire()

    def index(self):
        self.loop.step(threading.Event())

    @contextmanager
    def client(self, database=None):
        """Ask the routes over this index, or over another store."""
        app = FastAPI()
        reads = ReputationReads(database or self.database, self.town.deployment)
        app.include_router(reputation_routes(reads))
        served = Http(app)

        def answer(request):
            found = served.get(request.url.raw_path.decode())
            return httpx.Response(found.status_code, content=found.content)

        with httpx.Client(transport=httpx.MockTransport(answer)) as http:
            wiring = SimpleNamespace(
                client=SimpleNamespace(matcher="http://matcher", gateway="http://gateway"),
                http=http,
                deployment=self.town.deployment,
                rpc=self.town.rpc,
            )
            yield ReputationClient(wiring)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reputation")
    with Anvil.start(timestamp=1_800_000_000) as anvil:
        town = AnvilTown(anvil, deploy(anvil))
        town.settle_in()
        database = copy_store(make_template(folder), folder / "store.sqlite")
        indexed = IndexedTown(town, database)
        yield indexed
        indexed.loop.close()
        database.close()


@pytest.fixture(scope="module")
def played(indexed):
    """One deal on two peers; of the first: in time, late, left, dropped, missed, evicted."""
    town = indexed.town
    town.send(town.developer, town.usdc, "approve", town.market.address, 2**256 - 1)
    bid = town.bid(units=6, deposit=90_000)
    fills = [
        build_fill(ask, 1, town.sign(ask, owner))
        for ask, owner in ((town.ask(1, 1_000, salt=salt), town.provider) for salt in range(4))
    ]
    ask = town.ask(2, 1_500)
    fills.append(build_fill(ask, 1, town.sign(ask, town.other)))
    town.sender(town.developer).send(
        town.market.match(bid, town.sign(bid, town.developer), fills, [])
    )
    send = town.send
    send(town.provider, town.market, "activate", [1, 2, 3])
    send(town.other, town.market, "activate", [5])
    town.pass_epoch(1, 2)
    send(town.provider, town.market, "leave", [1], LeaveReason.MAINTENANCE)
    send(town.developer, town.market, "drop", [2], DropReason.TOO_SLOW)
    for _ in range(2):
        town.pass_epoch(2)
    send(town.second, town.market, "evict", [4])  # never answered
    for _ in range(3):
        town.pass_epoch(2)
    send(town.second, town.market, "evict", [3])  # proved nothing any more
    send(town.second, town.market, "claim", [2, 3, 5])
    town.pass_epoch(2)
    indexed.index()
    return indexed


@pytest.fixture
def client(played):
    with played.client() as client:
        yield client


def test_reputation__miss_eviction_drop_and_leave__is_told_and_verified(played, client):
    said = client.fetch(1)

    window = said["windows"][0]
    counts = {name: number for name, number in window["counts"].items() if number}
    assert counts == {
        "registered": 1,
        "assigned": 4,
        "activated": 3,
        "left": 1,
        "dropped": 1,
        "evicted_unanswered": 1,
        "evicted_unproven": 1,
        "claimed": 2,
    }
    assert (window["evictions"], window["faults"]) == (2, 2)
    reasons = {entry["kind"]: entry["text"] for entry in window["reasons"]}
    assert reasons == {"left": "maintenance", "dropped": "too slow"}
    # Proven: the first. Missed: the one after, by a drop, and those until the eviction.
    assert window["proven"] == 1
    assert window["active"] > 3
    assert window["uptime_ppm"] == 1_000_000 // window["active"]
    assert int(window["refunded"]) > 0
    for whose in (1, 2, played.town.provider.address, played.town.other.address):
        assert client.verify(whose) == []


def test_reputation__deal_that_lapsed_unseen__ends_with_its_last_funded_epoch(played, client):
    """No event says that a run is over: both ways settle the deal by themselves."""
    town = played.town
    bid = town.bid(units=1, deposit=4_000)
    ask = town.ask(2, 1_200, salt=9)
    town.sender(town.developer).send(
        town.market.match(
            bid,
            town.sign(bid, town.developer),
            [build_fill(ask, 1, town.sign(ask, town.other))],
            [],
        )
    )
    number = int(town.lens.read("assignment_count"))
    town.send(town.other, town.market, "activate", [number])
    for _ in range(6):
        town.pass_epoch(2)
    played.index()

    assert client.verify(2) == []


@pytest.mark.parametrize("lie", LIES)
def test_verify__index_that_lies__is_caught(played, tmp_path, lie):
    copy = tmp_path / "lying.sqlite"
    with (
        closing(sqlite3.connect(played.database.path)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        assert target.execute(LIES[lie]).rowcount
        target.commit()
    lying = open_database(sqlite_url(copy))

    with played.client(lying) as client:
        told = [*client.verify(played.town.provider.address), *client.verify(1)]

    lying.close()
    assert told
    assert all(difference.said != difference.counted for difference in told)


def test_verify__random_lives__both_ways_agree_on_every_figure(played, client):
    life = MarketLife(played.town, seed=11)
    life.open_accounts()
    for _ in range(2):
        life.act(8)
        played.index()
        for whose in (1, 2, played.town.provider.address):
            assert client.verify(whose) == []
    assert life.done > 5
