"""activate: from the second of activation on, a share of the epoch, then whole epochs."""

import pytest

from tests.contracts.driver.stage import DEPOSIT, PRICE, field, skips

pytestmark = pytest.mark.anvil

FULL = 65_536


def test_activate__first_second_of_an_epoch__bills_the_whole_epoch_once(world, peer):
    deal, ids, _ = world.open(world.fill(peer, 2))

    outcome = world.activate(ids)

    assert outcome.events[0].fields == {
        "assignment": ids[0],
        "deal": deal,
        "epoch": world.epoch,
        "skipped": 0,
        "balance": DEPOSIT - 2 * PRICE,
        "rate": 2 * PRICE,
    }
    assert world.deal(deal)["balance"] == DEPOSIT - 2 * PRICE
    assert world.assignment(ids[0])["state"] == 2
    assert world.assignment(ids[0])["start"] == world.assignment(ids[0])["next"] == world.epoch


@pytest.mark.parametrize("second", [0, 1, 33, 50, 99])
def test_activate__within_an_epoch__bills_the_share_rounded_down(world, peer, second):
    deal, ids, _ = world.open(world.fill(peer))
    world.pass_seconds(second)

    outcome = world.activate(ids)

    skipped = second * FULL // 100
    assert field(outcome, "Activated", "skipped") == skipped
    assert world.deal(deal)["balance"] == DEPOSIT - PRICE * (FULL - skipped) // FULL


def test_activate__last_second_of_a_cheap_unit__bills_nothing_for_the_epoch(world, peer):
    deal, ids, _ = world.open(world.fill(peer, price=9))
    world.pass_seconds(99)

    world.activate(ids)

    assert world.deal(deal)["balance"] == DEPOSIT


def test_activate__next_epoch__bills_whole_epochs(world, peer):
    deal, _ = world.run(peer)

    world.next_epoch(3)

    assert world.deal(deal)["balance"] == DEPOSIT - 4 * PRICE
    assert world.deal(deal)["runway"] == 96
    assert world.deal(deal)["last_funded"] == world.epoch + 96


def test_activate__by_the_provider__counts(world, peer):
    _, ids, _ = world.open(world.fill(peer))

    assert skips(world.activate(ids, by="provider")) == []


@pytest.mark.parametrize("by", ["developer", "matcher", "other_provider", "owner"])
def test_activate__by_anybody_else__is_reason_21(world, peer, by):
    _, ids, _ = world.open(world.fill(peer))

    assert skips(world.activate(ids, by=by)) == [21]


def test_activate__twice__is_reason_20(world, peer):
    _, ids = world.run(peer)

    assert skips(world.activate(ids)) == [20]


@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_activate__no_such_assignment__is_reason_20(world, peer, number):
    world.open(world.fill(peer))

    assert skips(world.activate([number])) == [20]


@pytest.mark.parametrize("end", ["stop", "drop", "lapse", "planned end"])
def test_activate__deal_or_assignment_over__is_reason_20(world, peer, other_peer, end):
    deal, ids, offer = world.open(world.fill(peer), world.fill(other_peer), epochs=2)
    if end == "stop":
        world.market.stop(deal, by=offer.developer)
    elif end == "drop":
        world.market.drop(ids, 64, by=offer.developer)
    elif end == "lapse":
        world.activate(ids[1:])
        world.market.take(deal, world.deal(deal)["balance"], by=offer.developer)
        world.next_epoch()
    else:
        world.next_epoch(3)

    assert skips(world.activate(ids[:1])) == [20]


def test_activate__in_the_last_epoch_of_the_deal__is_allowed(world, peer):
    _, ids, _ = world.open(world.fill(peer), epochs=2)
    world.next_epoch(2, 60)

    assert skips(world.activate(ids)) == []


@pytest.mark.parametrize(("missing", "reasons"), [(0, []), (1, [22])])
def test_activate__share_and_next_epoch__must_be_funded(world, peer, missing, reasons):
    deal, ids, offer = world.open(world.fill(peer))
    world.pass_seconds(50)
    world.market.take(deal, DEPOSIT - (PRICE // 2 + PRICE - missing), by=offer.developer)

    outcome = world.activate(ids)

    assert skips(outcome) == reasons
    assert world.assignment(ids[0])["state"] == (0 if missing else 2)
    assert ("Ended" in [e.name for e in outcome.events]) == bool(missing)


@pytest.mark.parametrize(("missing", "reasons"), [(0, []), (1, [22])])
def test_activate__second_peer__must_leave_the_first_ones_epoch(
    world, peer, other_peer, missing, reasons
):
    deal, [first, second], offer = world.open(world.fill(peer, 2), world.fill(other_peer))
    world.activate([first])
    world.market.take(
        deal, world.deal(deal)["balance"] - (PRICE + 3 * PRICE - missing), by=offer.developer
    )

    assert skips(world.activate([second])) == reasons


def test_activate__batch_with_flaws__does_the_rest(world, peer, other_peer):
    _, [first, second], _ = world.open(world.fill(peer), world.fill(other_peer))
    _, [foreign], _ = world.open(world.fill(world.register(wallet="stranger")))

    outcome = world.activate([first, first, foreign, 77, second])

    assert [e.name for e in outcome.events] == [
        "Activated",
        "Skipped",
        "Skipped",
        "Skipped",
        "Activated",
    ]
    assert skips(outcome) == [20, 21, 20]


def test_activate__nothing__does_nothing(world):
    assert world.activate([]).events == ()
