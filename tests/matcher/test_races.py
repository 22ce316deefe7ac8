"""Lost races: the loser learns why and to whom, and says so in its status and metrics."""

import pytest

from kernel.events import Assigned, DealCreated, FillSkipped, Matched
from kernel.typed_data import hash_offer
from tests.matcher.fake_town import make_account

pytestmark = pytest.mark.unit

RIVAL = make_account(7)


@pytest.fixture
def stocked(town):
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    return town


def lost(town):
    return town.http.get("/v1/status").json()["extra"]["lost"]


def test_lost_match__is_told_with_its_reason_and_then_with_the_winner(stocked):
    bid = stocked.bid()
    stocked.post_bid(bid)
    stocked.ledger.reason = "matching: nothing to match"
    stocked.turn()
    before = lost(stocked)
    block = stocked.chain.head.number
    stocked.ledger.reason = ""
    offer = hash_offer(bid)
    stocked.chain.mine(
        Assigned(1, 1, 1, 2, 10, hash_offer(stocked.ask())),
        DealCreated(1, stocked.developer.address, offer, bid.app, 1_000, 2**32 - 1),
        Matched(1, RIVAL.address, 2, 0),
    )
    stocked.turn()

    told = {"offer": offer, "reason": before["latest"][0]["reason"], "block": block}
    assert "nothing to match" in told["reason"]
    assert before == {"count": 1, "latest": [told | {"winner": None, "won_in": None}]}
    assert lost(stocked)["latest"] == [told | {"winner": RIVAL.address, "won_in": block + 1}]
    metrics = stocked.http.get("/metrics").text
    assert 'wasmarket_matcher_matches_total{outcome="lost"} 1.0' in metrics
    assert stocked.sender.sent == []


def test_fill_taken_by_another_in_the_same_block__is_skipped_and_the_developer_told(stocked):
    def skip_one(caller, offer, r, vs, fills, current, permit):
        yield FillSkipped(1, 1, 11)
        yield Assigned(1, 1, 2, 1, 20, hash_offer(stocked.ask(2, price=20)))
        name = hash_offer(stocked.bid())
        yield DealCreated(1, stocked.developer.address, name, offer[1], 1_000, 2**32 - 1)
        yield Matched(1, caller, 1, 0)

    stocked.register_peer(2, provider=stocked.other, units=1)
    stocked.post_ask(stocked.ask(2, price=20), stocked.other)
    stocked.chain.handle("Market", "match", skip_one)
    stocked.post_bid(stocked.bid())

    stocked.turn()

    metrics = stocked.http.get("/metrics").text
    assert 'wasmarket_matcher_fills_total{outcome="skipped"} 1.0' in metrics
    assert any(
        "peer 1 was left out" in reason for reason in stocked.status(stocked.bid())["reasons"]
    )
