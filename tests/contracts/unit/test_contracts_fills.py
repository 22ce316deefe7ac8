"""Fills: each reason for which one is skipped, and the last value that is not."""

import ape
import pytest

from tests.contracts.driver.stage import MEMORY, PRICE, field, ids_of, skips

pytestmark = pytest.mark.anvil

FAR = 2**64


def judged(world, fill, *others, **wishes):
    """Match the fill beside one that is always good, and return the reason against it or 0."""
    good = world.register(by="stranger", region=9, traits=2**96 - 1, memory_mib=2**20)
    offer = world.bid(**({"units": 9} | wishes))
    outcome = world.match(offer, [*others, fill, world.fill(good)])
    return sum(skips(outcome))


def test_match__unknown_peer__is_reason_1(world):
    assert judged(world, world.fill(99)) == 1


def test_match__peer_zero__is_reason_1(world):
    assert judged(world, world.fill(0)) == 1


@pytest.mark.parametrize(
    ("price", "limit", "reason"),
    [
        (10 * PRICE, 10 * PRICE, 0),
        (10 * PRICE + 1, 10 * PRICE, 2),
        (0, 10 * PRICE, 2),
        (2**48 - 1, 2**256 - 1, 0),
        (2**48, 2**256 - 1, 2),
    ],
)
def test_match__price__must_be_in_the_limits(world, peer, price, limit, reason):
    wishes = {"max_price": limit, "deposit": 2**49}
    world.mint(world.roles["developer"], 2**50)

    assert judged(world, world.fill(peer, price=price), **wishes) == reason


@pytest.mark.parametrize(("late", "reason"), [(0, 0), (1, 3)])
def test_match__provider_offer__holds_through_its_last_second(world, peer, late, reason):
    fill = world.fill(peer, valid_until=world.now)
    world.pass_seconds(late)

    assert judged(world, fill) == reason


def test_match__never_valid_offer__is_reason_3(world, peer):
    assert judged(world, world.fill(peer, valid_until=0)) == 3


@pytest.mark.parametrize(("counter", "reason"), [(0, 0), (1, 4), (2**256 - 1, 4)])
def test_match__other_counter__is_reason_4(world, peer, counter, reason):
    assert judged(world, world.fill(peer, counter=counter)) == reason


@pytest.mark.parametrize(("role", "reason"), [("developer", 0), ("other_developer", 5)])
def test_match__offer_for_one_developer__is_reason_5_for_others(world, peer, role, reason):
    assert judged(world, world.fill(peer, developer=world.roles[role])) == reason


@pytest.mark.parametrize(("memory", "reason"), [(MEMORY, 0), (MEMORY + 1, 6)])
def test_match__too_little_memory__is_reason_6(world, peer, memory, reason):
    assert judged(world, world.fill(peer), min_memory_mib=memory) == reason


@pytest.mark.parametrize(
    ("region", "regions", "reason"),
    [
        (0, 0, 0),
        (3, 1 << 9 | 1 << 3, 0),
        (4, 1 << 9 | 1 << 3, 7),
        (255, 1 << 9 | 1 << 255, 0),
        (255, 1 << 9 | 1 << 254, 7),
    ],
)
def test_match__another_region__is_reason_7(world, region, regions, reason):
    peer = world.register(region=region)

    assert judged(world, world.fill(peer), regions=regions) == reason


@pytest.mark.parametrize(
    ("traits", "requirement", "reason"),
    [(0, 0, 0), (7, 5, 0), (5, 7, 8), (0, 1 << 95, 8), (1 << 95, 1 << 95, 0)],
)
def test_match__a_trait_is_missing__is_reason_8(world, traits, requirement, reason):
    peer = world.register(traits=traits)

    assert judged(world, world.fill(peer), traits=requirement) == reason


@pytest.mark.parametrize(
    ("mode", "listed", "reason"),
    [(0, True, 0), (0, False, 0), (1, True, 0), (1, False, 9), (2, True, 9), (2, False, 0)],
)
def test_match__list_of_providers__is_reason_9(world, peer, provider, mode, listed, reason):
    others = (world.roles["stranger"],) if mode == 1 else (world.roles["matcher"],)
    providers = (*others, provider) if listed else others

    assert judged(world, world.fill(peer), providers=providers, providers_mode=mode) == reason


def test_match__sixty_five_assignments__is_reason_10(world):
    peer = world.register(units=80)
    offer = world.bid(units=80)
    for _ in range(2):
        world.match(offer, [world.fill(peer) for _ in range(31)])
    world.match(offer, [world.fill(peer)])

    outcome = world.match(offer, [world.fill(peer), world.fill(peer)])

    assert len(ids_of(outcome)) == 1
    assert skips(outcome) == [10]


def test_match__no_units_asked__is_reason_11(world, peer):
    assert judged(world, world.fill(peer, 0)) == 11


def test_match__deal_is_full__is_reason_11(world, peer, other_peer):
    outcome = world.match(world.bid(units=2), [world.fill(peer, 5), world.fill(other_peer)])

    assert skips(outcome) == [11]
    assert field(outcome, "Assigned", "units") == 2


def test_match__peer_sold_out__is_reason_11(world, peer):
    world.run(peer, units=4)

    assert judged(world, world.fill(peer)) == 11


def test_match__peer_has_fewer_than_asked__gives_what_it_has(world, peer):
    world.run(peer, units=3)

    outcome = world.match(world.bid(), [world.fill(peer, 4)])

    assert field(outcome, "Assigned", "units") == 1


@pytest.mark.parametrize(("cap", "units"), [(0, 4), (1, 1), (3, 3), (9, 4), (2**256 - 1, 4)])
def test_match__cap_for_each_provider__is_kept(world, peer, cap, units):
    outcome = world.match(world.bid(max_units_per_provider=cap), [world.fill(peer, 4)])

    assert field(outcome, "Assigned", "units") == units


def test_match__cap_counts_all_peers_of_a_provider__over_refills_too(world, peer, other_peer):
    second = world.register(region=2)
    offer = world.bid(units=9, max_units_per_provider=3)
    outcome = world.match(offer, [world.fill(peer, 2), world.fill(second, 2)])
    assert [e.fields["units"] for e in outcome.events if e.name == "Assigned"] == [2, 1]

    outcome = world.match(offer, [world.fill(second), world.fill(other_peer, 4)])

    assert skips(outcome) == [11]
    assert field(outcome, "Assigned", "units") == 3


def test_match__units_given_back__count_no_more_against_the_cap(world, peer):
    _, [first], offer = world.open(world.fill(peer, 2), max_units_per_provider=2)
    world.market.drop([first], 64, by=offer.developer)

    outcome = world.match(offer, [world.fill(peer, 2)])

    assert field(outcome, "Assigned", "units") == 2


@pytest.mark.parametrize(("deposit", "units"), [(2_999, 2), (3_000, 3)])
def test_match__balance_pays_an_epoch_of_every_unit__not_more(world, peer, deposit, units):
    outcome = world.match(world.bid(deposit=deposit), [world.fill(peer, 4)])

    assert field(outcome, "Assigned", "units") == units


def test_match__money_for_no_unit__is_reason_11(world, peer, other_peer):
    offer = world.bid(deposit=3_500)

    outcome = world.match(offer, [world.fill(peer, 3), world.fill(other_peer)])

    assert skips(outcome) == [11]


def test_match__live_units_cost_more_than_is_left__is_reason_11(world, peer, other_peer):
    deal, _, offer = world.open(world.fill(peer, 2), units=9)
    world.market.take(deal, 98_500, by=offer.developer)

    with ape.reverts("matching: nothing to match"):
        world.match(offer, [world.fill(other_peer, price=1)])


def test_match__cancelled_provider_offer__is_reason_12(world, peer, provider):
    fill = world.fill(peer)
    world.market.cancel(world.domain.hash_of(fill.offer), by=provider)

    assert judged(world, fill) == 12


def test_match__cancelled_by_another__changes_nothing(world, peer, stranger):
    fill = world.fill(peer)
    world.market.cancel(world.domain.hash_of(fill.offer), by=stranger)

    assert judged(world, fill) == 0


@pytest.mark.parametrize("signer", [None, "stranger", "developer", "wallet"])
def test_match__provider_did_not_sign__is_reason_13(world, peer, signer):
    assert judged(world, world.fill(peer, signer=signer and world.roles[signer])) == 13


def test_match__several_flaws__reports_the_lowest_reason(world, peer):
    fill = world.fill(peer, 0, signer=None, price=FAR, valid_until=0, counter=3)

    assert judged(world, fill) == 2


def test_match__bad_fills_around_good_ones__never_spoil_them(world, peer, other_peer):
    bad = [world.fill(99), world.fill(peer, price=0), world.fill(peer, 0)]

    outcome = world.match(world.bid(), [*bad, world.fill(peer), *bad, world.fill(other_peer)])

    assert len(ids_of(outcome)) == 2
    assert skips(outcome) == [1, 2, 11] * 2


def test_match__provider_offer__is_standing(world, peer):
    fill = world.fill(peer)

    assert len(ids_of(world.match(world.bid(), [fill]))) == 1
    assert len(ids_of(world.match(world.bid(), [fill]))) == 1
