"""Lost races: the loser learns why and to whom, and says so in its status and metrics."""

import pytest
from sqlalchemy import func, select

from matcher.settlement.lost_races import TOLD
from matcher.settlement.submissions import GIVEN_UP
from tests.matcher.fake_town import Http, make_account
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.events import Assigned, DealCreated, FillSkipped, Matched
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.matching.lost_matches import KEPT, add_lost_match
from wasmarket.store.tables import LostMatchRow

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
        DealCreated(1, stocked.developer.address, offer, bid.app, 1_000, 2**32 - 1, ZERO_ADDRESS),
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


def test_lost_match__matcher_killed__the_next_process_knows_of_it(stocked):
    stocked.post_bid(stocked.bid())
    stocked.ledger.reason = "matching: nothing to match"
    stocked.turn()
    before = lost(stocked)

    stocked.matcher = stocked.build()
    stocked.http = Http(stocked.matcher.app)

    assert before["count"] == 1
    assert lost(stocked) == before


def test_lost_match__killed_after_signing_and_refused_since__is_told_by_the_next_process(stocked):
    class Killed(BaseException):
        """The process ends here, as by kill -9."""

    def die(*_):
        raise Killed

    stocked.chain.handle("Market", "match", die)
    stocked.post_bid(stocked.bid())
    with pytest.raises(Killed):
        stocked.turn()
    stocked.chain.handle("Market", "match", stocked._match)
    stocked.matcher.settlement_loop._leader.release()
    stocked.ledger.reason = "matching: nothing to match"
    stocked.matcher = stocked.build()
    stocked.http = Http(stocked.matcher.app)

    stocked.turn()

    told = lost(stocked)
    assert (told["count"], told["latest"][-1]["reason"]) == (2, GIVEN_UP)
    assert "nothing to match" in told["latest"][0]["reason"]


def test_lost_match__winner_undone_by_a_reorg__is_nobody_again(stocked):
    bid = stocked.bid()
    stocked.post_bid(bid)
    stocked.ledger.reason = "matching: nothing to match"
    stocked.turn()
    stocked.chain.mine(
        Assigned(1, 1, 1, 2, 10, hash_offer(stocked.ask())),
        DealCreated(
            1, stocked.developer.address, hash_offer(bid), bid.app, 1_000, 2**32 - 1, ZERO_ADDRESS
        ),
        Matched(1, RIVAL.address, 2, 0),
    )
    stocked.index()
    won = lost(stocked)["latest"][0]["winner"]
    stocked.chain.reorg(1)
    stocked.index()

    assert won == RIVAL.address
    assert lost(stocked)["latest"][0]["winner"] is None


def test_lost_matches__many__are_counted_and_the_newest_told(stocked):
    with stocked.database.write() as session:
        for number in range(KEPT + 5):
            add_lost_match(session, hash_offer(stocked.bid(salt=number)), "late", number)

    told = lost(stocked)

    assert (told["count"], len(told["latest"])) == (KEPT + 5, TOLD)
    assert told["latest"][0]["block"] == KEPT + 4
    with stocked.database.read() as session:
        assert session.scalar(select(func.count()).select_from(LostMatchRow)) == KEPT


def test_fill_taken_by_another_in_the_same_block__is_skipped_and_the_developer_told(stocked):
    def skip_one(caller, offer, r, vs, fills, current, permit):
        yield FillSkipped(1, 1, 11)
        yield Assigned(1, 1, 2, 1, 20, hash_offer(stocked.ask(2, price=20)))
        name = hash_offer(stocked.bid())
        yield DealCreated(
            1, stocked.developer.address, name, offer[1], 1_000, 2**32 - 1, ZERO_ADDRESS
        )
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
