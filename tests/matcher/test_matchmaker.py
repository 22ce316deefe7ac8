"""The loop: offers become deals, are refilled, survive crashes, are never left in silence."""

import json

import pytest

from matcher.settlement.evictions import find_absent
from matcher.settlement.notices import Messenger
from matcher.settlement.submissions import Submissions
from wasmarket.kernel.errors import Reverted, TimedOut, Unreachable
from wasmarket.kernel.events import Activated, Ended, OfferCancelled, Paused
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.enums import SubmissionState
from wasmarket.store.matching.book_documents import fetch_book
from wasmarket.store.matching.matches import fetch_match
from wasmarket.store.matching.submissions import fetch_submissions

pytestmark = pytest.mark.unit


@pytest.fixture
def stocked(town):
    """A funded developer and one peer that sells four units at 10."""
    town.register_peer()
    town.fund()
    town.post_ask(town.ask())
    return town


def submissions(town):
    with town.database.read() as session:
        return fetch_submissions(session)


def test_turn__offer_and_ask__are_matched_and_the_record_replays(stocked):
    bid = stocked.bid()
    stocked.post_bid(bid)

    assert stocked.turn()
    stocked.index()

    state = stocked.status(bid)
    assert (state["status"], state["deal"], state["reasons"]) == ("pending", 1, [])
    deal = stocked.http.get("/v1/deals/1").json()
    assert [(a["peer"], a["units"], a["price"]) for a in deal["assignments"]] == [(1, 2, "10")]
    [record] = stocked.http.get("/v1/deals/1/matches").json()["items"]
    assert record["offers"] == [hash_offer(bid)]
    assert record["fills"] == [{"offer": hash_offer(stocked.ask()), "units": 2, "price": "10"}]
    assert (record["total"], record["saving"], record["bound"], record["gap_ppm"]) == (
        "20",
        # Its money pays both units for ten epochs at 50, not at its bid of 100.
        "80",
        "80",
        0,
    )
    [sent] = stocked.sender.sent
    assert (sent.function, record["tx"]) == ("match", sent.tx_hash)


def test_turn__nothing_new__does_nothing(stocked):
    stocked.post_bid(stocked.bid())
    stocked.turn()
    stocked.turn()

    assert not stocked.turn()
    assert len(stocked.sender.sent) == 1


def test_turn__full_deal_seen_before_it_is_indexed__is_not_sent_twice(stocked):
    stocked.post_bid(stocked.bid())
    stocked.turn()
    stocked.matcher.settlement_loop.wake()

    stocked.matcher.settlement_loop.take_turn()

    assert len(stocked.sender.sent) == 1


def test_turn__unfunded_offer__says_so_and_is_matched_once_there_is_money(stocked):
    stocked.ledger.allowances.clear()
    bid = stocked.bid(tip=5)
    stocked.post_bid(bid)
    stocked.turn()

    before = stocked.status(bid)
    stocked.ledger.free[stocked.developer.address] = 0
    stocked.fund(1_005)
    stocked.chain.mine()
    stocked.turn()
    stocked.index()

    assert before["status"] == "unfunded"
    assert "0.001005 are missing" in before["reasons"][0]
    assert stocked.status(bid)["status"] == "pending"


def test_turn__permit_in_place_of_allowance__is_sent_along(stocked):
    stocked.ledger.allowances.clear()
    stocked.post_bid(stocked.bid(), permit=stocked.permit(1_000))

    stocked.turn()

    assert stocked.sender.sent[0].args[-1][0] == 1_000


def test_turn__two_offers_and_money_for_one__higher_bid_is_matched(stocked):
    stocked.fund(1_500)
    low, high = stocked.bid(max_price=50), stocked.bid(max_price=60)
    stocked.post_bid(low)
    stocked.post_bid(high)

    stocked.turn()
    stocked.index()

    assert stocked.status(high)["status"] == "pending"
    assert stocked.status(low)["status"] == "unfunded"


def test_turn__price_too_low__says_which_limit_binds_and_what_would_help(stocked):
    bid = stocked.bid(max_price=9)
    stocked.post_bid(bid)

    stocked.turn()

    state = stocked.status(bid)
    assert state["status"] == "unmatched"
    assert "max_price 0.000010 USDC instead of 0.000009 USDC gives 2 units" in state["reasons"]


def test_turn__units_lost__are_refilled_from_another_peer(stocked):
    stocked.register_peer(2, provider=stocked.other)
    stocked.post_ask(stocked.ask(2, price=20), stocked.other)
    bid = stocked.bid()
    stocked.post_bid(bid)
    stocked.turn()
    epoch = stocked.chain.head.timestamp // 60
    stocked.chain.mine(Activated(1, 1, epoch, 0, 980, 20))
    stocked.index()
    active = stocked.status(bid)["status"]

    stocked.http.request("DELETE", "/v1/nothing")
    stocked.signed_request(
        "DELETE", f"/v1/provider-offers/{hash_offer(stocked.ask())}", stocked.provider
    )
    stocked.chain.mine(Ended(1, 1, 1, epoch - 1, 1, 56, 1_000, 0))
    stocked.turn()
    stocked.index()

    assert active == "active"
    deal = stocked.http.get("/v1/deals/1").json()
    assert [(a["peer"], a["units"]) for a in deal["assignments"]] == [(2, 2)]
    assert len(stocked.http.get("/v1/deals/1/matches").json()["items"]) == 2


def test_turn__fill_that_the_chain_would_refuse__is_left_out(stocked):
    stocked.register_peer(2, provider=stocked.other)
    stocked.post_ask(stocked.ask(2, price=20), stocked.other)
    stocked.ledger.refused[1] = 4
    stocked.post_bid(stocked.bid())

    stocked.turn()

    assert [fill[0] for fill in stocked.sender.sent[0].args[3]] == [2]


def test_turn__fill_refused_once__is_tried_again_with_the_next_block(stocked):
    stocked.ledger.refused[1] = 4
    stocked.post_bid(stocked.bid())
    stocked.turn()
    before = list(stocked.sender.sent)
    stocked.ledger.refused.clear()
    stocked.chain.mine()

    stocked.turn()

    assert before == []
    assert [fill[0] for fill in stocked.sender.sent[0].args[3]] == [1]


def test_turn__other_matcher_was_faster__is_a_lost_race_and_no_crash(stocked):
    stocked.ledger.reason = "matching: current incomplete"
    bid = stocked.bid()
    stocked.post_bid(bid)

    assert stocked.turn()

    state = stocked.status(bid)
    assert state["status"] == "unmatched"
    assert "current incomplete" in state["reasons"][0]


def test_turn__chain_ahead_of_the_store__waits_for_the_next_block(stocked):
    def moved_on(offer, fill, current):
        raise Reverted("lens: current incomplete")

    stocked.chain.answer("MarketLens", "why", moved_on)
    stocked.post_bid(stocked.bid())
    stocked.turn()
    stocked.chain.answer("MarketLens", "why", 0)
    stocked.chain.mine()

    stocked.turn()

    assert len(stocked.sender.sent) == 1


def test_turn__every_fill_refused_again_and_again__gives_up_this_turn(stocked):
    stocked.ledger.refused = dict.fromkeys(range(1, 9), 13)
    for number in range(2, 9):
        stocked.register_peer(number, units=1)
        stocked.post_ask(stocked.ask(number, price=10 + number))
    stocked.post_bid(stocked.bid(units=1))

    assert stocked.turn()
    assert stocked.sender.sent == []


def test_turn__node_away__fails_loses_nothing_and_goes_on(stocked):
    stocked.post_bid(stocked.bid())
    stocked.index()
    stocked.chain.offline = True
    with pytest.raises(Unreachable):
        stocked.matcher.settlement_loop.take_turn()
    stocked.chain.offline = False

    stocked.turn()

    assert len(stocked.sender.sent) == 1


def test_turn__paused__tells_the_developer(stocked):
    stocked.chain.mine(Paused(True))
    bid = stocked.bid()
    stocked.post_bid(bid)

    stocked.turn()

    assert stocked.status(bid)["reasons"] == ["matching is paused"]


def test_turn__offer_for_another_matcher__is_not_taken_from_the_chain(stocked):
    bid = stocked.bid(matcher=stocked.other.address)

    assert stocked.post_bid(bid).json()["field"] == "matcher"


def test_turn__cancelled_ask__fills_nothing_from_the_next_block_on(stocked):
    name = hash_offer(stocked.ask())
    stocked.chain.mine(OfferCancelled(stocked.provider.address, name))
    stocked.post_bid(stocked.bid())

    stocked.turn()

    assert stocked.sender.sent == []
    assert stocked.http.get(f"/v1/provider-offers/{name}").json()["status"] == "cancelled"


class Killed(BaseException):
    """The process ends here, as by kill -9."""


def test_crash__between_signing_and_sending__is_finished_by_the_next_process(stocked):
    stocked.post_bid(stocked.bid())
    mine = stocked.sender._mine

    def die(*_):
        raise Killed

    stocked.sender._mine = die
    with pytest.raises(Killed):
        stocked.turn()
    recorded = submissions(stocked)
    stocked.sender._mine = mine
    stocked.matcher.settlement_loop._leader.release()
    stocked.matcher = stocked.build()

    stocked.turn()
    stocked.turn()

    assert [entry.state for entry in recorded] == [SubmissionState.SIGNED]
    assert [entry.state for entry in submissions(stocked)] == [SubmissionState.MINED]
    assert len(stocked.sender.sent) == 1
    assert stocked.status(stocked.bid())["status"] == "pending"


def test_crash__between_mining_and_recording__is_finished_and_not_sent_again(stocked):
    stocked.post_bid(stocked.bid())
    send = stocked.sender.send

    def die_after(call, on_signed=None):
        send(call, on_signed)
        raise Killed

    stocked.sender.send = die_after
    with pytest.raises(Killed):
        stocked.turn()
    del stocked.sender.send
    stocked.matcher.settlement_loop._leader.release()
    stocked.matcher = stocked.build()

    stocked.turn()

    assert len(stocked.sender.sent) == 1
    [entry] = submissions(stocked)
    assert entry.state == SubmissionState.MINED
    with stocked.database.read() as session:
        record = fetch_match(session, entry.match)
        assert (record.tx, record.deal) == (entry.tx_hash, 1)
        assert json.loads(fetch_book(session, record.book))["block"] == record.block


def test_crash__and_meanwhile_it_would_be_refused__is_given_up_and_tried_anew(stocked):
    stocked.post_bid(stocked.bid())
    mine = stocked.sender._mine

    def die(*_):
        raise Killed

    stocked.sender._mine = die
    with pytest.raises(Killed):
        stocked.turn()
    stocked.sender._mine = mine
    stocked.ledger.reason = "matching: nothing to match"
    stocked.matcher.settlement_loop._leader.release()
    stocked.matcher = stocked.build()

    stocked.turn()

    refused = stocked.status(stocked.bid())
    stocked.ledger.reason = ""
    stocked.chain.mine()
    stocked.turn()

    assert refused["status"] == "unmatched"
    assert [entry.state for entry in submissions(stocked)] == [
        SubmissionState.DROPPED,
        SubmissionState.FAILED,
        SubmissionState.MINED,
    ]


def test_turn__not_mined_in_time__stays_open_and_is_resumed(stocked):
    stocked.post_bid(stocked.bid())
    send = stocked.sender.send

    def wait_too_long(call, on_signed=None):
        send(call, on_signed)
        raise TimedOut("not mined yet")

    stocked.sender.send = wait_too_long
    with pytest.raises(TimedOut):
        stocked.turn()
    submitting = stocked.status(stocked.bid())["status"]
    del stocked.sender.send

    stocked.turn()

    assert submitting == "submitting"
    assert [entry.state for entry in submissions(stocked)] == [SubmissionState.MINED]


def test_turn__second_process_on_the_store__only_serves(stocked):
    stocked.post_bid(stocked.bid())
    second = stocked.build()
    stocked.turn()

    assert not second.settlement_loop.take_turn()
    assert len(stocked.sender.sent) == 1


def test_evict__absent_peer__is_evicted_and_its_units_refilled(stocked):
    stocked.register_peer(2, provider=stocked.other)
    stocked.post_ask(stocked.ask(2, price=20), stocked.other)
    stocked.post_bid(stocked.bid())
    stocked.turn()
    stocked.chain.handle(
        "Market", "evict", lambda caller, ids: [Ended(i, 1, 1, 0, 3, 0, 1_000, 0) for i in ids]
    )
    stocked.index()
    stocked.ledger.evictable = {1}
    stocked.chain.advance(60)
    stocked.turn()
    early = [sent.function for sent in stocked.sender.sent]

    stocked.chain.advance(1)
    stocked.ledger.refused[1] = 11
    stocked.turn()
    stocked.turn()

    assert early == ["match"]
    assert [sent.function for sent in stocked.sender.sent] == ["match", "evict", "match"]
    assert stocked.sender.sent[1].args == ((1,),)
    assert stocked.sender.sent[2].args[3][0][0] == 2


def test_evict__peer_silent_for_too_many_epochs__only_then(stocked):
    stocked.post_bid(stocked.bid())
    stocked.turn()
    epoch = stocked.chain.head.timestamp // 60
    stocked.chain.mine(Activated(1, 1, epoch, 0, 980, 20))
    stocked.ledger.evictable = {1}
    stocked.chain.handle(
        "Market", "evict", lambda caller, ids: [Ended(i, 1, 1, 0, 3, 0, 1_000, 0) for i in ids]
    )
    evicted_after = None
    for passed in range(1, 7):
        stocked.chain.mine(timestamp=(epoch + passed) * 60)
        stocked.turn()
        if evicted_after is None and any(s.function == "evict" for s in stocked.sender.sent):
            evicted_after = passed

    # start <= E - W - MAX_MISSED = E - 4
    assert evicted_after == 4


def test_evict__deal_of_somebody_elses_offer__is_left_alone(stocked):
    stocked.post_bid(stocked.bid(matcher=stocked.account.address))
    stocked.turn()
    stocked.chain.advance(100)
    stocked.index()

    def find(matcher):
        with stocked.database.read() as session:
            at = fetch_indexed(session)
            return find_absent(session, at, matcher, stocked.deployment.parameters)

    assert find(stocked.account.address) == (1,)
    assert find(stocked.other.address) == ()


def test_loops__error_in_each_turn__are_counted_told_and_go_on(stocked, monkeypatch):
    wrong = [True]

    def fail(_):
        if wrong:
            raise ValueError("a bug")
        return 0

    monkeypatch.setattr(Submissions, "resume", fail)
    monkeypatch.setattr(Messenger, "send_due", fail)
    loops = list(stocked.matcher.loops)
    stocked.matcher.leader.acquire()
    for loop in loops:
        loop.take_turn()

    assert sorted(loop.name for loop in loops) == ["matching", "measurements", "notices"]
    refused = stocked.http.get("/v1/health/ready")
    assert refused.status_code == 503
    assert "matching: failed unexpectedly" in refused.json()["reason"]
    assert "notices: failed unexpectedly" in refused.json()["reason"]
    metrics = stocked.http.get("/metrics").text
    for name in ("matching", "notices"):
        assert f'wasmarket_loop_turns_total{{loop="{name}",outcome="bug"}} 1.0' in metrics

    wrong.clear()
    monkeypatch.setattr(Submissions, "resume", lambda _: [])
    for loop in loops:
        loop.take_turn()
    assert stocked.http.get("/v1/health/ready").status_code == 200
