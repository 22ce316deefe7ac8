"""Verify matches of markets that went on: worse fills sent, peers evicted, bids hidden."""

import json

import pytest

from matcher.verify.record import Line
from tests.matcher.anvil_town import Operator
from tests.matcher.evidence import Evidence, differences, open_town
from wasmarket.chain.contracts.fills import NO_PERMIT, build_fill
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.anvil


@pytest.fixture
def town(undone_base):
    return undone_base


@pytest.fixture
def operator(town, database):
    return Operator(town, database, town.first)


def test_verify__worse_fill_sent_than_the_book_gives__is_named(town, operator):
    cheap, dear = open_town(town, operator)
    bid = town.bid(units=2)
    operator.post_bid(bid, permit=town.permit(100_000))
    call = town.market.match(
        bid,
        town.sign(bid, town.developer),
        [build_fill(dear, 2, town.sign(dear, town.provider))],
        [],
        NO_PERMIT,
    )
    town.send(town.developer, town.usdc, "approve", town.market.address, 100_000)
    operator.matcher.settlement_loop._contracts.market.match = lambda *_: call
    operator.turn()

    kept = Evidence(town, operator)
    as_recorded = differences(kept.verify())
    [record] = kept.records
    sent = (Line(hash_offer(dear), 2, 1_500),)
    kept.with_record(fills=sent, total=3_000, saving=2 * 2_000 - 3_000)
    as_sent = differences(kept.verify())

    cheap_fill = f"fill of ask {hash_offer(cheap)}"
    assert record.fills == (Line(hash_offer(cheap), 2, 1_000),)
    assert {check for check, _, _ in as_recorded} == {"transaction"}
    assert as_recorded["transaction", f"transaction {record.tx}, sent", cheap_fill] == (
        "2 units at 1000",
        "none",
    )
    assert {check for check, _, _ in as_sent} == {"replay"}
    assert as_sent["replay", "record", cheap_fill] == ("2 units at 1000", "none")


def test_verify__refill_after_eviction__absent_and_avoided_peers_are_justified(town, operator):
    open_town(town, operator)
    operator.post_bid(town.bid(units=2), permit=town.permit(100_000))
    operator.turn()
    town.send(town.other, town.market, "activate", [1])
    operator.turn()
    for _ in range(4):
        town.pass_epoch()
        operator.turn()
    operator.turn()

    evidence = Evidence(town, operator)
    report = evidence.verify()
    book = json.loads(evidence.books[evidence.records[-1].book])
    forgiven = differences(evidence.with_book(lambda d: d.update(absent=[])).verify())

    assert len(report.matches) == 2
    assert differences(report) == {}
    assert (book["absent"], book["demands"][0]["avoid"]) == ([2], [2])
    assert forgiven["absent", "peer 2", "absent"] == ("left out", "in the book")


def test_verify__published_bid_left_out__is_missed_once_it_is_funded(town, operator):
    open_town(town, operator)
    hidden = town.bid(units=1, deposit=50_000)
    data = encode_published(hidden)
    town.send(town.developer, town.market, "publish", hash_offer(hidden), data)
    town.send(town.developer, town.usdc, "approve", town.market.address, 200_000)
    operator.index()
    operator.post_bid(town.bid(units=1))
    operator.matcher.settlement_loop._published.take_in = lambda: 0
    operator.matcher.settlement_loop._published.has_news = lambda: False
    operator.turn()

    found = differences(Evidence(town, operator).verify())

    assert found["published", f"published demand {hash_offer(hidden)}", "book"] == (
        "listed",
        "missing",
    )


def test_verify__published_ask_cancelled_before_the_match__may_be_left_out(town, operator):
    cheap, dear = open_town(town, operator)
    operator.post_bid(town.bid(units=2), permit=town.permit(100_000))
    operator.index()
    town.send(town.other, town.market, "cancel", hash_offer(cheap))
    operator.matcher.settlement_loop.take_turn()
    operator.index()

    evidence = Evidence(town, operator)
    report = evidence.verify()

    [record] = evidence.records
    assert [line.offer for line in record.fills] == [hash_offer(dear)]
    assert differences(report) == {}
    assert any("could fill nothing any more" in n for n in report.matches[0].findings.notes)


def test_verify__approved_offers_of_an_account_without_a_key__hold(town, operator):
    open_town(town, operator)
    bid = town.bid(units=1)
    town.send(town.developer, town.usdc, "approve", town.market.address, 100_000)
    town.send(town.developer, town.market, "publish", hash_offer(bid), encode_published(bid))
    operator.turn()

    evidence = Evidence(town, operator)

    book = json.loads(evidence.books[evidence.records[0].book])
    assert book["demands"][0]["signature"] is None
    assert differences(evidence.verify()) == {}
