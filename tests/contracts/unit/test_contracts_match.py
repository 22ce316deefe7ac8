"""match: an offer becomes a deal, once; a deal is refilled; the rest is refused whole."""

import ape
import pytest

from tests.contracts.driver.stage import DEPOSIT, PRICE, field, ids_of, skips
from tests.model.terms import FOREVER, Permit

pytestmark = pytest.mark.anvil


def test_match__first_time__makes_a_deal_and_takes_the_deposit(world, peer, developer, matcher):
    before = world.view("usdc", "balanceOf", developer)

    deal, [assignment], _ = world.open(world.fill(peer, 2))

    assert world.view("usdc", "balanceOf", developer) == before - DEPOSIT
    assert world.deal(deal) == {
        "developer": developer,
        "balance": DEPOSIT,
        "rate": 0,
        "settled": world.epoch,
        "end": FOREVER,
        "units": 2,
        "run": 0,
        "stopped": False,
        "status": 1,
        "runway": 0,
        "last_funded": 0,
    }
    assert world.assignment(assignment)["state"] == 1
    assert world.peer(peer)["used"] == 2


def test_match__first_time__logs_fills_then_deal_then_match(world, peer, other_peer, matcher):
    offer = world.bid(tip=8, epochs=5)

    outcome = world.match(offer, [world.fill(9), world.fill(peer, 2), world.fill(other_peer, 1)])

    names = ["FillSkipped", "Assigned", "Assigned", "DealCreated", "Matched"]
    assert [e.name for e in outcome.events] == names
    assert field(outcome, "DealCreated", "end") == world.epoch + 5
    assert field(outcome, "Matched", "caller") == matcher
    assert field(outcome, "Matched", "units") == 3
    assert field(outcome, "Matched", "tip") == 6


def test_match__free_money_covers_a_part__pulls_the_rest(world, peer, developer):
    world.market.deposit(DEPOSIT - 300, by=developer)
    before = world.view("usdc", "balanceOf", developer)

    world.open(world.fill(peer))

    assert world.free(developer) == 0
    assert world.view("usdc", "balanceOf", developer) == before - 300


def test_match__free_money_covers_all__pulls_nothing(world, peer, developer):
    world.market.deposit(DEPOSIT + 300, by=developer)
    world.allow(developer, 0)

    world.open(world.fill(peer))

    assert world.free(developer) == 300


@pytest.mark.parametrize(("units", "tip"), [(1, 2), (2, 5), (3, 7), (4, 10)])
def test_match__tip__is_for_the_units_that_were_found(world, peer, matcher, units, tip):
    outcome = world.match(world.bid(tip=10), [world.fill(peer, units)])

    assert field(outcome, "Matched", "tip") == world.free(matcher) == tip


def test_match__refill__pays_no_tip_and_no_deposit(world, peer, other_peer, developer, matcher):
    offer = world.bid(tip=10)
    world.match(offer, [world.fill(peer, 2)])
    tip, before = world.free(matcher), world.view("usdc", "balanceOf", developer)

    outcome = world.match(offer, [world.fill(other_peer, 2)], signer=None)

    assert [e.name for e in outcome.events] == ["Assigned", "Matched"]
    assert field(outcome, "Matched", "tip") == 0
    assert world.free(matcher) == tip
    assert world.view("usdc", "balanceOf", developer) == before


def test_match__developer_is_its_own_matcher__gets_the_tip_back(world, peer, developer):
    world.match(
        world.bid(tip=8, matcher=world.roles["matcher"]), [world.fill(peer, 4)], by="developer"
    )

    assert world.free(developer) == 8


@pytest.mark.parametrize("by", ["matcher", "developer"])
def test_match__named_matcher__may_match(world, peer, matcher, by):
    outcome = world.match(world.bid(matcher=matcher), [world.fill(peer)], by=by)

    assert ids_of(outcome) == [1]


def test_match__another_matcher_is_named__reverts(world, peer, matcher):
    with ape.reverts("matching: not the matcher"):
        world.match(world.bid(matcher=matcher), [world.fill(peer)], by="stranger")


def test_match__paused__reverts(world, peer, owner):
    world.market.set_paused(True, by=owner)

    with ape.reverts("matching: paused"):
        world.match(world.bid(), [world.fill(peer)])


def test_match__counter_of_the_future__reverts(world, peer):
    with ape.reverts("matching: wrong counter"):
        world.match(world.bid(counter=1), [world.fill(peer)])


def test_match__last_second_of_validity__is_in_time(world, peer):
    offer = world.bid(valid_until=world.now)

    assert ids_of(world.match(offer, [world.fill(peer)])) == [1]


def test_match__a_second_too_late__reverts(world, peer):
    offer = world.bid(valid_until=world.now)
    world.pass_seconds(1)

    with ape.reverts("matching: offer expired"):
        world.match(offer, [world.fill(peer)])


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"min_units": 0}, "matching: bad min_units"),
        ({"min_units": 5, "units": 4}, "matching: bad min_units"),
        ({"units": 2**16}, "matching: offer out of range"),
        ({"deposit": 2**64}, "matching: offer out of range"),
        ({"tip": 2**64}, "matching: offer out of range"),
        ({"epochs": 2**31}, "matching: offer out of range"),
        ({"providers_mode": 3}, "matching: offer out of range"),
    ],
)
def test_match__offer_out_of_range__reverts(world, peer, wishes, reason):
    with ape.reverts(reason):
        world.match(world.bid(**wishes), [world.fill(peer)])


def test_match__longest_planned_end__is_kept(world, peer):
    deal, _, _ = world.open(world.fill(peer), epochs=2**31 - 1)

    assert world.deal(deal)["end"] == world.epoch + 2**31 - 1


def test_match__deposit_not_allowed__reverts_whole(world, peer, developer):
    world.allow(developer, DEPOSIT - 1)

    with ape.reverts("erc20: not enough allowance"):
        world.match(world.bid(), [world.fill(peer)])
    assert world.peer(peer)["used"] == 0


def test_match__nothing_acceptable__reverts(world, peer):
    with ape.reverts("matching: nothing to match"):
        world.match(world.bid(), [world.fill(peer, price=10 * PRICE + 1)])


def test_match__no_fills__reverts(world, peer):
    with ape.reverts("matching: nothing to match"):
        world.match(world.bid(), [])


def test_match__too_few_units__reverts(world, peer):
    with ape.reverts("matching: below min_units"):
        world.match(world.bid(min_units=3), [world.fill(peer, 2)])


def test_match__too_few_regions__reverts(world, peer):
    same = world.register(by="other_provider", region=0)

    with ape.reverts("matching: below min_regions"):
        world.match(world.bid(min_regions=2), [world.fill(peer), world.fill(same)])


def test_match__distinct_regions__are_counted_once_each(world, peer, other_peer):
    offer = world.bid(min_regions=2, regions=0)

    outcome = world.match(offer, [world.fill(peer), world.fill(peer), world.fill(other_peer)])

    assert len(ids_of(outcome)) == 3


def test_match__refill__needs_no_minimum(world, peer, other_peer):
    offer = world.bid(min_units=3, min_regions=2)
    world.match(offer, [world.fill(peer, 2), world.fill(other_peer, 1)])
    world.market.drop([1], 64, by=offer.developer)

    outcome = world.match(offer, [world.fill(other_peer, 1)])

    assert field(outcome, "Matched", "units") == 2


def test_match__current_not_ascending__reverts(world, peer):
    _, _, offer = world.open(world.fill(peer), world.fill(peer))

    for current in ([2, 1], [1, 1, 2], [0, 1, 2]):
        with ape.reverts("matching: current not ascending"):
            world.match(offer, [world.fill(peer)], current)


def test_match__current_incomplete__reverts(world, peer):
    _, _, offer = world.open(world.fill(peer), world.fill(peer))

    for current in ([], [1], [2], [1, 3]):
        with ape.reverts("matching: current incomplete"):
            world.match(offer, [world.fill(peer)], current)


def test_match__ids_of_others_in_current__are_ignored(world, peer, other_peer):
    _, [first], offer = world.open(world.fill(peer))
    _, [foreign], _ = world.open(world.fill(other_peer))
    outcome = world.match(offer, [world.fill(peer)])
    [dropped] = ids_of(outcome)
    world.market.drop([dropped], 64, by=offer.developer)

    outcome = world.match(offer, [world.fill(peer)], [first, foreign, dropped, 500])

    assert field(outcome, "Matched", "units") == 2


def test_match__an_ended_id_in_current__is_ignored(world, peer, other_peer, developer):
    _, ids, offer = world.open(world.fill(peer), world.fill(other_peer), valid_until=2**200)
    world.activate(ids)
    world.next_epoch()
    world.market.drop(ids[:1], 64, by=developer)
    assert world.assignment(ids[0])["state"] == 3

    outcome = world.match(offer, [world.fill(peer, 4)], ids)

    assert field(outcome, "Matched", "units") == 4


def test_match__stopped_deal__reverts(world, peer, developer):
    deal, _, offer = world.open(world.fill(peer))
    world.market.stop(deal, by=developer)

    with ape.reverts("matching: deal stopped"):
        world.match(offer, [world.fill(peer)], [])


def test_match__last_epoch_of_the_deal__reverts(world, peer):
    _, _, offer = world.open(world.fill(peer), epochs=2, valid_until=2**200)
    world.next_epoch()
    assert len(ids_of(world.match(offer, [world.fill(peer)]))) == 1
    world.next_epoch()

    with ape.reverts("matching: deal ended"):
        world.match(offer, [world.fill(peer)])


def test_match__same_peer_in_two_fills__is_counted_twice(world, peer):
    outcome = world.match(world.bid(units=9), [world.fill(peer, 3), world.fill(peer, 3)])

    units = [e.fields["units"] for e in outcome.events if e.name == "Assigned"]
    assert units == [3, 1]
    assert world.peer(peer)["used"] == 4


def test_match__thirty_two_fills__all_fit(world, provider):
    peer = world.register(units=40)

    outcome = world.match(world.bid(units=40), [world.fill(peer) for _ in range(32)])

    assert field(outcome, "Matched", "units") == 32


def permit_of(world, developer, **changes):
    words = {"value": DEPOSIT, "deadline": world.now, "signer": developer, "nonce": 0}
    return Permit(**(words | changes))


def test_match__with_a_permit__needs_no_allowance(world, peer, developer):
    world.allow(developer, 0)

    outcome = world.match(world.bid(), [world.fill(peer)], permit=permit_of(world, developer))

    assert ids_of(outcome) == [1]


@pytest.mark.parametrize(
    "flaw", [{"deadline": 1}, {"nonce": 1}, {"signer": "stranger"}, {"value": DEPOSIT - 1}]
)
def test_match__unfit_permit_and_no_allowance__reverts(world, peer, developer, flaw):
    world.allow(developer, 0)
    flaw = {k: world.roles.get(v, v) if isinstance(v, str) else v for k, v in flaw.items()}

    with ape.reverts("erc20: not enough allowance"):
        world.match(world.bid(), [world.fill(peer)], permit=permit_of(world, developer, **flaw))


@pytest.mark.parametrize("flaw", [{"deadline": 1}, {"nonce": 1}])
def test_match__unfit_permit_but_allowance__goes_on(world, peer, developer, flaw):
    world.allow(developer, DEPOSIT)

    outcome = world.match(
        world.bid(), [world.fill(peer)], permit=permit_of(world, developer, **flaw)
    )

    assert ids_of(outcome) == [1]


def test_match__permit_was_front_run__goes_on(world, peer, developer, stranger):
    world.allow(developer, 0)
    permit = permit_of(world, developer)
    world.use_permit(developer, permit, by=stranger)

    outcome = world.match(world.bid(), [world.fill(peer)], permit=permit)

    assert ids_of(outcome) == [1]


def test_match__two_matchers_race__the_second_is_refused(world, peer, other_peer):
    offer = world.bid(units=2)
    world.match(offer, [world.fill(peer, 1)], current=[])

    with ape.reverts("matching: current incomplete"):
        world.match(offer, [world.fill(other_peer, 2)], current=[], by="stranger")
    world.match(offer, [world.fill(other_peer, 2)], current=[1])
    with ape.reverts("matching: nothing to match"):
        world.match(offer, [world.fill(other_peer, 1)], current=[1, 2], by="stranger")
    assert skips(world.market.release([3], by=offer.developer)) == [30]
