"""Where one-line faults hid: several lapses, caps of one unit, two matches in one transaction."""

import pytest

from tests.contracts.driver.stage import PRICE, field, ids_of, skips

pytestmark = pytest.mark.anvil


def test_claim__after_two_lapses__pays_each_run_to_its_own_end(world, peer, provider, developer):
    deal, first, offer = world.open(world.fill(peer), deposit=2 * PRICE)
    world.activate(first)
    world.prove_epochs(3, peer)
    world.market.top_up(deal, 3 * PRICE, by=developer)
    second = ids_of(world.match(offer, [world.fill(peer)]))
    world.activate(second)
    world.prove_epochs(4, peer)
    world.market.top_up(deal, 2 * PRICE, by=developer)
    third = ids_of(world.match(offer, [world.fill(peer)]))
    world.activate(third)
    world.prove_epochs(3, peer)

    paid = []
    for ids in (first, second, third):
        before = world.free(provider)
        world.market.claim(ids, by=provider)
        paid.append(world.free(provider) - before)

    assert paid == [2 * PRICE, 3 * PRICE, 2 * PRICE]
    assert world.deal(deal)["balance"] == 0


def test_claim__nothing_proven_in_a_lapsed_run__goes_back_to_the_last_unit(
    world, peer, provider, developer
):
    _, ids = world.run(peer, deposit=3 * PRICE + 7)
    before = world.free(developer)
    world.next_epoch(7)

    world.market.claim(ids, by=provider)

    assert world.free(provider) == 0
    assert world.free(developer) - before == 3 * PRICE


@pytest.mark.parametrize("cap", [1, 2])
def test_match__cap__counts_units_that_are_live(world, peer, other_peer, cap):
    second = world.register(region=2)
    offer = world.bid(units=8, max_units_per_provider=cap)
    world.match(offer, [world.fill(peer, cap)])

    outcome = world.match(offer, [world.fill(second), world.fill(other_peer, 4)])

    assert skips(outcome) == [11]
    assert field(outcome, "Assigned", "units") == cap


def test_match__cap__adds_up_several_live_assignments_of_a_provider(world, peer):
    second = world.register(region=2)
    offer = world.bid(units=9, max_units_per_provider=4)
    world.match(offer, [world.fill(peer, 2), world.fill(second, 1)])

    outcome = world.match(offer, [world.fill(second, 3)])

    assert field(outcome, "Assigned", "units") == 1


def test_match__cap__adds_up_several_fills_of_a_provider(world, peer):
    second, third = world.register(region=2), world.register(region=3)
    offer = world.bid(units=9, max_units_per_provider=2)

    outcome = world.match(offer, [world.fill(p) for p in (peer, second, third)])

    assert [e.fields["units"] for e in outcome.events if e.name == "Assigned"] == [1, 1]
    assert skips(outcome) == [11]


def test_match__twice_in_one_transaction__each_has_a_cap_of_its_own(world, peer, other_peer):
    caller = world.chain.deploy("MockCaller")
    market = world.contracts["market"]
    calls = []
    for _ in range(2):
        offer = world.bid(units=4, max_units_per_provider=2)
        told = world._encode_match(offer, offer.developer, [world.fill(peer, 2)], [])
        calls.append(market.encode("match", told))

    receipt = world.chain.send(
        world.roles["stranger"], caller, "call_twice", (market.address, *calls)
    )

    assert receipt.error is None
    assigned = [
        event
        for name, event in (
            market.event(log) for log in receipt.logs if log.address == market.address
        )
        if name == "Assigned"
    ]
    assert [event["units"] for event in assigned] == [2, 2]


def test_activate__two_assignments_started_together__keep_their_own_words(
    world, peer, other_peer, developer
):
    world.mint(developer, 2**52)
    _, ids, _ = world.open(
        world.fill(peer, 3, price=2**40),
        world.fill(other_peer, 4, price=1),
        units=7,
        max_price=2**47,
        deposit=2**52,
    )
    world.pass_seconds(37)

    world.activate(ids)

    first, second = (world.assignment(id_) for id_ in ids)
    assert (first["units"], first["price"], second["units"], second["price"]) == (3, 2**40, 4, 1)
    assert first["state"] == second["state"] == 2


def test_match__largest_amounts__are_exact(world, peer, provider, developer):
    most = 2**64 - 1
    world.mint(developer, most)
    deal, ids, _ = world.open(
        world.fill(peer, 4, price=2**47), units=4, max_price=2**48 - 1, deposit=most
    )
    world.activate(ids)
    world.prove_epochs(3, peer)

    world.market.claim(ids, by=provider)

    assert world.free(provider) == 2 * 4 * 2**47
    assert world.deal(deal)["balance"] == most - 4 * 4 * 2**47
