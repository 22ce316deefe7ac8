"""Metered deals: paid for signed work, as far as the balance goes, whoever does what."""

import itertools

import pytest

from tests.contracts.driver.court import refusal
from tests.contracts.driver.stage import DEPOSIT, PRICE, field, ids_of, skips
from tests.model.meter import Voucher
from tests.model.terms import ZERO

pytestmark = pytest.mark.unit

UNIT = 10**12  # work that costs PRICE


@pytest.fixture
def meter(court):
    """Who signs usage: not the developer itself, to tell the two apart."""
    return court.roles["matcher"]


@pytest.fixture
def running(court, meter):
    """A metered deal on two peers."""
    peers = [court.register(), court.register(by="other_provider")]
    deal, ids, offer = court.open(*(court.fill(p, kind=1) for p in peers), meter=meter)
    court.activate(ids)
    return deal, ids, offer


def redeem(court, *vouchers):
    return court.meter.redeem([Voucher(*v) for v in vouchers], by=court.roles["stranger"])


def test_activate__metered__bills_nothing_and_needs_no_money(court, meter):
    peer = court.register()
    deal, ids, _ = court.open(court.fill(peer, kind=1), meter=meter, deposit=PRICE)

    outcome = court.activate(ids)

    assert outcome.events[0].fields == {
        "assignment": ids[0],
        "deal": deal,
        "epoch": court.epoch,
        "skipped": 0,
        "balance": PRICE,
        "rate": 0,
    }
    court.next_epoch(50)
    assert court.deal(deal)["balance"] == PRICE
    assert court.deal(deal)["status"] == 2
    assert court.assignment(ids[0])["alive"]


@pytest.mark.parametrize(("kind", "is_metered"), [(1, False), (0, True), (2, True), (2, False)])
def test_match__provider_offer_of_another_kind__is_reason_14(court, meter, kind, is_metered):
    good, odd = court.register(), court.register()
    offer = court.bid(meter=meter if is_metered else ZERO)
    fills = [court.fill(odd, kind=kind), court.fill(good, kind=int(is_metered))]

    assert skips(court.match(offer, fills)) == [14]


def test_match__kind__is_looked_at_after_the_peer_and_before_the_price(court, meter):
    peer = court.register()
    offer = court.bid(meter=meter)
    fills = [court.fill(99, kind=0), court.fill(peer, price=0), court.fill(peer, kind=1)]

    assert skips(court.match(offer, fills)) == [1, 14]


def test_match__metered__takes_units_as_far_as_the_balance_goes(court, meter):
    peer, second = court.register(), court.register()
    offer = court.bid(meter=meter, deposit=3 * PRICE)
    matched = court.match(offer, [court.fill(peer, 2, kind=1), court.fill(second, 2, kind=1)])

    assert [e.fields["units"] for e in matched.events if e.name == "Assigned"] == [2, 1]
    assert field(matched, "DealCreated", "meter") == meter


def test_redeem__signed_work__is_paid(court, meter, running):
    deal, [first, _], _ = running

    outcome = redeem(court, (first, 3 * UNIT, meter))

    assert outcome.events[0].fields == {
        "assignment": first,
        "deal": deal,
        "work": 3 * UNIT,
        "paid": 3 * PRICE,
        "owed": 0,
        "balance": DEPOSIT - 3 * PRICE,
    }
    assert court.free(court.roles["provider"]) == 3 * PRICE
    assert court.assignment(first)["next"] == 3 * PRICE


def test_redeem__again_older_or_less__is_reason_44(court, meter, running):
    _, [first, _], _ = running
    redeem(court, (first, 3 * UNIT, meter))

    for work in (3 * UNIT, UNIT, 0, 3 * UNIT + UNIT // PRICE - 1):
        assert skips(redeem(court, (first, work, meter))) == [44]


@pytest.mark.parametrize("signer", ["developer", "provider", "wallet", "stranger", None])
def test_redeem__not_signed_by_the_meter__is_reason_43(court, running, signer):
    _, [first, _], _ = running

    assert skips(redeem(court, (first, UNIT, court.roles.get(signer)))) == [43]


def test_redeem__work_of_the_width_and_beyond(court, meter, running):
    _, [first, _], _ = running

    assert skips(redeem(court, (first, 2**96, meter), (first, 2**256 - 1, meter))) == [43, 43]
    assert field(redeem(court, (first, 2**96 - 1, meter)), "Redeemed", "owed") > 2**47


def test_redeem__price_and_work_at_the_maximum__is_capped(court, meter):
    peer = court.register()
    court.mint(court.roles["developer"], 2**50)
    deal, ids, _ = court.open(
        court.fill(peer, kind=1, price=2**48 - 1),
        meter=meter,
        max_price=2**48,
        deposit=2**48 + 5,
    )
    court.activate(ids)

    outcome = redeem(court, (ids[0], 2**96 - 1, meter))

    assert field(outcome, "Redeemed", "paid") == 2**48 - 1
    assert court.deal(deal)["balance"] == 6
    assert skips(redeem(court, (ids[0], 2**96 - 1, meter))) == [44]


def test_redeem__reserved_pending_or_unknown__is_reason_42(court, meter):
    peer = court.register()
    _, [reserved] = court.run(peer)
    _, [pending], _ = court.open(court.fill(peer, kind=1), meter=meter)

    told = [(number, UNIT, meter) for number in (reserved, pending, 99, 0)]

    assert skips(redeem(court, *told)) == [42] * 4


def test_redeem__more_than_the_balance__stays_owed_until_a_top_up(court, meter, running):
    deal, [first, _], offer = running
    work = 130 * UNIT
    outcome = redeem(court, (first, work, meter))
    assert (field(outcome, "Redeemed", "paid"), field(outcome, "Redeemed", "owed")) == (
        DEPOSIT,
        30 * PRICE,
    )
    assert court.deal(deal)["status"] == 3
    assert skips(redeem(court, (first, work, meter))) == [45]
    court.market.top_up(deal, 40 * PRICE, by=offer.developer)

    outcome = redeem(court, (first, work, meter))

    assert field(outcome, "Redeemed", "paid") == 30 * PRICE
    assert court.deal(deal)["balance"] == 10 * PRICE


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_redeem__any_order__gives_the_same(court, meter, running, order):
    _, [first, second], _ = running
    told = [(first, 7 * UNIT // 3, meter), (second, UNIT, meter), (first, 2 * UNIT, meter)]

    for index in order:
        court.call("meter", "redeem", court.roles["stranger"], [Voucher(*told[index])])

    assert court.free(court.roles["provider"]) == 7 * PRICE // 3
    assert court.free(court.roles["other_provider"]) == PRICE


def test_redeem__bad_vouchers_in_between__do_not_spoil_the_batch(court, meter, running):
    _, [first, second], _ = running

    outcome = redeem(
        court, (99, 1, meter), (first, UNIT, meter), (first, 1, None), (second, UNIT, meter)
    )

    assert skips(outcome) == [42, 43]
    assert [e.name for e in outcome.events].count("Redeemed") == 2


def test_redeem__tiny_steps__lose_less_than_one_unit(court, meter, running):
    _, [first, _], _ = running
    step = UNIT // PRICE // 3
    for count in range(1, 13):
        court.call(
            "meter",
            "redeem",
            court.roles["stranger"],
            [Voucher(first, count * step, meter)],
        )

    assert court.free(court.roles["provider"]) == 12 * step * PRICE // UNIT


@pytest.mark.parametrize("way", ["leave", "drop", "stop", "evict", "planned"])
def test_end__metered__keeps_the_word_and_vouchers_count(court, meter, running, way):
    deal, [first, second], offer = running
    court.next_epoch()
    epoch, by = court.epoch, court.roles
    if way == "leave":
        ended = court.market.leave([first], 56, by=by["wallet"])
    elif way == "drop":
        ended = court.market.drop([first], 64, by=offer.developer)
    elif way == "evict":
        court.pulse(4)
        epoch = court.epoch
        ended = court.market.evict([first], by=by["stranger"])
    else:
        court.market.stop(deal, by=offer.developer)
        court.next_epoch(2)
        ended = court.market.release([first], by=by["stranger"])

    assert field(ended, "Ended", "end") == epoch
    assert court.assignment(first)["state"] == 5
    assert court.deal(deal)["balance"] == DEPOSIT
    assert field(redeem(court, (first, UNIT, meter)), "Redeemed", "paid") == PRICE
    assert skips(court.market.claim([first, second], by=by["stranger"])) == [40, 40]


def test_end__metered_in_the_epoch_of_activation__keeps_the_word(court, meter, running):
    _, [first, _], _ = running

    court.market.leave([first], 56, by=court.roles["wallet"])

    assert court.assignment(first)["state"] == 5
    assert court.assignment(first)["end_of"] == court.epoch


def test_stop__metered__leaves_the_balance_for_three_epochs(court, meter, running):
    deal, [first, _], offer = running
    stopped = court.market.stop(deal, by=offer.developer)
    assert field(stopped, "Stopped", "returned") == 0
    for _ in range(4):
        assert refusal(court.market.take, deal, 1, by=offer.developer) == "deals: notice"
        court.next_epoch()
    redeem(court, (first, UNIT, meter))

    court.market.take(deal, PRICE, by=offer.developer)
    court.market.take(deal, DEPOSIT - 2 * PRICE, by=offer.developer)

    assert court.free(offer.developer) == DEPOSIT - PRICE
    assert skips(redeem(court, (first, 2 * UNIT, meter))) == [45]


def test_take__metered_deal_that_runs__is_refused_for_ever(court, running):
    deal, _, offer = running
    court.next_epoch(400)

    assert refusal(court.market.take, deal, 1, by=offer.developer) == "deals: notice"


@pytest.mark.parametrize(("epochs", "reason"), [(3, "deals: notice"), (4, None)])
def test_take__after_the_planned_end__waits_for_the_notice(court, meter, epochs, reason):
    deal, _, offer = court.open(court.fill(court.register(), kind=1), meter=meter, epochs=2)
    court.next_epoch(2 + epochs)

    if reason:
        assert refusal(court.market.take, deal, 1, by=offer.developer) == reason
    else:
        court.market.take(deal, DEPOSIT, by=offer.developer)


def test_top_up__metered_deal_that_ended__is_refused(court, meter):
    deal, _, offer = court.open(court.fill(court.register(), kind=1), meter=meter, epochs=2)
    court.next_epoch(3)

    assert refusal(court.market.top_up, deal, 1, by=offer.developer) == "deals: ended"


def test_evict__metered__as_a_reserved_one(court, running):
    deal, [first, second], _ = running
    court.pulse(3)
    by = court.roles["stranger"]
    assert skips(court.market.evict([first], by=by)) == [34]
    court.next_epoch()
    court.prove(2)

    assert skips(court.market.evict([first, second], by=by)) == [34]
    assert court.deal(deal)["units"] == 1


def test_refill__metered_deal__takes_offers_of_its_kind(court, meter, running):
    _, _, offer = running
    third = court.register()

    matched = court.match(offer, [court.fill(third), court.fill(third, kind=1)])

    assert skips(matched) == [14]
    assert len(ids_of(matched)) == 1


def test_status__metered__waits_runs_and_lapses(court, meter, running):
    deal, ids, offer = running
    assert court.deal(deal)["status"] == 2
    court.market.leave(ids[:1], 56, by=court.roles["wallet"])
    court.market.leave(ids[1:], 56, by=court.roles["wallet"])
    assert court.deal(deal)["status"] == 1
    court.market.stop(deal, by=offer.developer)
    assert court.deal(deal)["status"] == 4
    court.next_epoch()
    assert court.deal(deal)["status"] == 5


def test_pay_and_convict__by_anybody_else__revert(court, running):
    _, [first, _], _ = running
    for role in ("owner", "developer", "provider", "wallet", "stranger"):
        assert refusal(court.market.pay, first, UNIT, by=court.roles[role]) == "0x"
        assert refusal(court.market.convict, first, by=court.roles[role]) == "0x"
