"""Several machines: whatever is killed under load while the chain reorganises, all comes right.

In large: `make scale` (SCALE_SECONDS, SCALE_COUNTS, SCALE_SEED); SCALE_POOLED puts PgBouncer
between, lending connections by the transaction.
"""

import os
import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import make_url

from indexer.verify.run import verify_store
from tests.matcher.anvil_town import AnvilTown, deploy
from tests.matcher.processes import wait_for
from tests.scale.fleet import Fleet
from tests.wasmarket.store.postgres import run_pgbouncer, run_postgres
from tests.wasmarket.store.test_postgres import new_store
from wasmarket.chain.development.anvil import Anvil
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.offers import dump_offer
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.chain.writer import fetch_tail

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

SECONDS = float(os.environ.get("SCALE_SECONDS", "6"))
KINDS = ("indexer", "matcher", "gateway")
COUNTS = dict(zip(KINDS, map(int, os.environ.get("SCALE_COUNTS", "2,2,1").split(",")), strict=True))
SEED = int(os.environ.get("SCALE_SEED", "13"))
PATIENCE = 240
LEAST = 3
"""Kills and bids, however slow the machine is."""

MOST_OPEN = 6
"""Bids that wait at a time: the peers have eight units."""

DONE = {"pending", "active", "ended", "lapsed", "short"}


class Load:
    """Developers that post bids and stop the deals again, readers, and a chain that is unsteady."""

    def __init__(self, town, fleet):
        self.town, self.fleet = town, fleet
        self.bids = []
        self.reads = 0
        self.reorgs = 0
        self._sender = town.sender(town.developer)
        self._random = fleet.random

    def post(self):
        """Post a bid through any matcher; again, until one has said that it is kept."""
        bid = self.town.bid(units=1, min_units=1)
        body = {
            "offer": dump_offer(bid),
            "signature": self.town.sign(bid, self.town.developer).to_hex(),
        }
        self.fleet.insist("matcher", "POST", "/v1/developer-offers", json=body)
        self.bids.append(bid)

    def read(self):
        """Read one page of everything."""
        for kind, path in (
            ("matcher", "/v1/deals?limit=20"),
            ("matcher", "/v1/peers"),
            ("matcher", f"/v1/developer-offers?developer={self.town.developer.address}"),
            ("gateway", "/v1/deals/1"),
        ):
            answer = self.fleet.ask(kind, "GET", path)
            if answer is not None:
                assert kind == "gateway" or answer.status_code == 200, answer.text
                self.reads += 1

    def status(self, bid):
        answer = self.fleet.ask("matcher", "GET", f"/v1/developer-offers/{hash_offer(bid)}")
        return {} if answer is None or answer.status_code != 200 else answer.json()

    def open(self):
        return [bid for bid in self.bids if self.status(bid).get("status") not in DONE]

    def stop_deals(self, most=4):
        """Stop the oldest deals, so that their units are free again; a reorg may undo that."""
        answer = self.fleet.ask("matcher", "GET", "/v1/deals?live=true&limit=50")
        deals = [] if answer is None else answer.json()["items"]
        for deal in deals[:-most] if most else deals:
            try:
                self._sender.send(self.town.market.call("stop", deal["id"]))
            except MarketError:
                continue

    def shake(self):
        """Replace the newest blocks by empty ones."""
        self.town.anvil.cheats.reorg(self._random.randint(1, 3))
        self.reorgs += 1


@pytest.fixture(scope="module")
def town():
    with Anvil.start() as anvil:
        # Nobody runs these peers: none is to be evicted for it, however long a run takes.
        town = AnvilTown(anvil, deploy(anvil, accept_seconds=86_400))
        town.settle_in()
        town.send(town.developer, town.usdc, "approve", town.market.address, 10**12)
        town.anvil.cheats.mine(70)  # what the town stands on is final
        yield town


def test_fleet__killed_at_random_while_the_chain_reorganises__every_bid_is_one_deal(town, tmp_path):
    with run_postgres() as server:
        database = new_store(server)
        url = database.engine.url.render_as_string(hide_password=False)
        with pooled(server, url) as url, Fleet(town, url, tmp_path, COUNTS, SEED) as fleet:
            load = Load(town, fleet)
            wait_for(lambda: all(member.url for member in fleet.members), PATIENCE)
            for peer, provider in ((1, town.provider), (2, town.other)):
                ask = town.ask(peer, 1_000)
                signature = town.sign(ask, provider).to_hex()
                body = {"offer": dump_offer(ask), "signature": signature}
                fleet.insist("matcher", "POST", "/v1/provider-offers", json=body)
            run(load, fleet, SECONDS)
            town.anvil.cheats.mine(3)
            try:
                wait_for(lambda: settle(load), PATIENCE)
            except AssertionError:
                print([load.status(bid) for bid in load.open()])
                raise
            wait_for(lambda: is_level(town, database), PATIENCE)
        verdict = verify_store(database, town.rpc, town.deployment)
        database.close()

    deals = town.market.read("counts_word") >> 64 & (2**64 - 1)
    print(
        f"{len(load.bids)} bids, {deals} deals, {fleet.kills} kills, {load.reorgs} reorgs,"
        f" {load.reads} reads, {len(fleet.failed)} failed"
    )
    assert verdict.found == 0, verdict.differences[:5]
    assert deals == len(load.bids)
    assert fleet.failed == []


@contextmanager
def pooled(server, url):
    """Give the URL of the store by which the processes reach it."""
    if not os.environ.get("SCALE_POOLED"):
        yield url
        return
    with run_pgbouncer(server, connections=20) as pooler:
        yield str(make_url(pooler).set(database=make_url(url).database))


def run(load, fleet, seconds):
    """Let everything happen at once for so long."""
    until, turns = time.monotonic() + seconds, 0
    stop = threading.Event()
    reader = threading.Thread(target=keep_reading, args=(load, stop))
    reader.start()
    try:
        while time.monotonic() < until or min(fleet.kills, len(load.bids)) < LEAST:
            turns += 1
            if len(load.open()) < MOST_OPEN:
                load.post()
            if turns % 2 == 0:
                fleet.kill_one()
            if turns % 3 == 0:
                load.shake()
            load.stop_deals()
    finally:
        stop.set()
        reader.join(60)


def keep_reading(load, stop):
    while not stop.is_set():
        load.read()


def settle(load):
    """Make room, and say whether every bid has become a deal."""
    load.town.anvil.cheats.mine()
    load.stop_deals()
    return not load.open()


def is_level(town, database):
    """Return whether the store is at the chain's head."""
    with database.read() as session:
        tail = fetch_tail(session, 1)
    return bool(tail) and tail[-1].hash == town.rpc.fetch_head().hash
