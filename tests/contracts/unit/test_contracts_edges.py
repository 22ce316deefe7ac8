"""Every row of the law's table of edge cases, in its order."""

import ape
import pytest

from tests.contracts.driver.stage import DEPOSIT, PRICE, field, ids_of, skips

pytestmark = pytest.mark.anvil


def test_activate__first_second_of_an_epoch__bills_it_once(world, peer):
    deal, ids, _ = world.open(world.fill(peer))
    world.next_epoch()
    world.activate(ids)

    assert world.deal(deal)["balance"] == DEPOSIT - PRICE


def test_activate__last_second_of_an_epoch__rounds_its_share_down(world, peer):
    deal, ids, _ = world.open(world.fill(peer, price=100))
    world.pass_seconds(99)
    world.activate(ids)

    assert world.deal(deal)["balance"] == DEPOSIT - 1


@pytest.mark.parametrize("proven", [True, False])
def test_stop__in_the_epoch_of_activation__pays_the_share_if_proven(
    world, peer, provider, developer, proven
):
    deal, ids, _ = world.open(world.fill(peer))
    world.pass_seconds(50)
    world.activate(ids)
    world.market.stop(deal, by=developer)
    world.next_epoch()
    if proven:
        world.prove(peer)
    world.next_epoch()
    world.market.claim(ids, by=provider)

    assert world.free(provider) == (PRICE // 2 if proven else 0)
    assert world.free(developer) == DEPOSIT - world.free(provider)


def test_leave__in_the_epoch_of_activation__refunds_the_share(world, peer, wallet):
    deal, ids, _ = world.open(world.fill(peer))
    world.pass_seconds(37)
    world.activate(ids)
    world.market.leave(ids, 56, by=wallet)

    assert world.deal(deal)["balance"] == DEPOSIT
    assert world.view("market", "assignment_word", ids[0]) == 0


@pytest.mark.parametrize("way", ["drop", "stop"])
def test_end_by_developer__first_second_of_an_epoch__pays_it_in_full(
    world, peer, provider, developer, way
):
    deal, ids = world.run(peer)
    world.next_epoch()
    world.prove(peer)
    if way == "drop":
        world.market.drop(ids, 64, by=developer)
    else:
        world.market.stop(deal, by=developer)
    world.next_epoch()
    world.prove(peer)
    world.next_epoch(2)
    world.market.claim(ids, by=provider)

    assert world.free(provider) == 2 * PRICE


def test_release__in_the_epoch_of_the_stop__gives_units_back_and_pays_it(
    world, peer, provider, developer
):
    deal, ids = world.run(peer)
    world.market.stop(deal, by=developer)
    world.market.release(ids, by=provider)
    assert world.peer(peer)["used"] == 0
    world.next_epoch()
    world.prove(peer)
    world.next_epoch()
    world.market.claim(ids, by=provider)

    assert world.free(provider) == PRICE


@pytest.mark.parametrize("way", ["take", "stop"])
def test_leave__in_the_last_epoch_of_the_deal__is_refunded_to_the_deal(
    world, peer, developer, wallet, way
):
    deal, ids = world.run(peer, epochs=2)
    world.next_epoch(2)
    world.market.leave(ids, 56, by=wallet)
    world.next_epoch()
    rest = DEPOSIT - 2 * PRICE
    if way == "take":
        world.market.take(deal, rest, by=developer)
    else:
        world.market.stop(deal, by=developer)

    assert world.free(developer) == rest


def test_release__pending_in_a_lapsed_run__costs_no_fee(world, peer, other_peer, stranger):
    deal, [running, pending], _ = world.open(world.fill(peer), world.fill(other_peer))
    world.activate([running])
    world.market.take(deal, DEPOSIT - PRICE, by=world.roles["developer"])
    world.next_epoch()
    stake = world.view("staking", "stake_word", world.roles["other_provider"])

    assert skips(world.market.evict([pending], by=stranger)) == [32]
    assert skips(world.market.release([pending], by=stranger)) == []
    assert world.view("staking", "stake_word", world.roles["other_provider"]) == stake


def test_top_up__epoch_after_the_last_funded__waits_for_the_next_match(
    world, peer, other_peer, developer
):
    deal, [first], offer = world.open(world.fill(peer), deposit=2 * PRICE)
    world.activate([first])
    world.next_epoch(2)
    world.market.top_up(deal, 5 * PRICE, by=developer)
    assert world.deal(deal)["status"] == 3
    assert not world.assignment(first)["alive"]

    world.match(offer, [world.fill(other_peer)])

    assert world.deal(deal)["status"] == 1


def test_top_up__in_the_last_funded_epoch__leaves_no_gap(world, peer, developer):
    deal, [first], _ = world.open(world.fill(peer), deposit=2 * PRICE)
    world.activate([first])
    world.next_epoch(1, 99)
    world.market.top_up(deal, PRICE, by=developer)
    world.pass_seconds(1)

    assert world.assignment(first)["alive"]
    assert world.deal(deal)["status"] == 2


def test_deal__money_for_one_of_two_at_a_boundary__lapses_as_a_whole(world, peer, other_peer):
    deal, ids = world.run(peer, other_peer, deposit=5 * PRICE)
    world.next_epoch(2)

    assert [world.assignment(i)["alive"] for i in ids] == [False, False]
    assert world.deal(deal)["balance"] == PRICE


def test_leave__all_peers__bills_nothing_and_refills_any_time(world, peer, other_peer, wallet):
    deal, ids, offer = world.open(world.fill(peer), world.fill(other_peer))
    world.activate(ids)
    world.market.leave(ids, 56, by=wallet)
    world.next_epoch(20)
    assert world.deal(deal)["balance"] == DEPOSIT
    assert world.deal(deal)["status"] == 1

    assert len(ids_of(world.match(offer, [world.fill(peer)]))) == 1


def test_match__full_deal_again__reverts(world, peer, other_peer):
    _, ids, offer = world.open(world.fill(peer, 4))

    with ape.reverts("matching: nothing to match"):
        world.match(offer, [world.fill(other_peer)], ids)


def test_match__two_matchers_race__second_reverts(world, peer, other_peer):
    offer = world.bid()
    world.match(offer, [world.fill(peer, 4)])

    with ape.reverts("matching: current incomplete"):
        world.match(offer, [world.fill(other_peer, 4)], current=[])


def test_match__an_id_of_current_ended_in_between__is_ignored(world, peer, other_peer, wallet):
    _, ids, offer = world.open(world.fill(peer), world.fill(peer))
    world.market.leave(ids[:1], 56, by=wallet)

    outcome = world.match(offer, [world.fill(other_peer, 4)], ids)

    assert field(outcome, "Assigned", "units") == 3


@pytest.mark.parametrize("way", ["expired", "cancelled", "counter"])
def test_match__refill_of_an_offer_that_no_longer_holds__only_expiry_is_forgiven(
    world, peer, other_peer, developer, way
):
    deal, ids, offer = world.open(world.fill(peer), valid_until=world.now)
    world.activate(ids)
    world.next_epoch(3)
    if way == "expired":
        world.match(offer, [world.fill(other_peer)])
    elif way == "cancelled":
        world.market.cancel(world.domain.hash_of(offer), by=developer)
        with ape.reverts("matching: offer cancelled"):
            world.match(offer, [world.fill(other_peer)])
    else:
        world.market.bump_counter(by=developer)
        with ape.reverts("matching: wrong counter"):
            world.match(offer, [world.fill(other_peer)])

    assert world.deal(deal)["status"] == 2


def test_commit__after_silence__saves_from_eviction(world, peer, stranger):
    _, ids = world.run(peer)
    world.pulse(6)
    assert world.view("lens", "evictable", ids) == (True,)
    world.prove(peer)

    assert skips(world.market.evict(ids, by=stranger)) == [34]


def test_claim__after_three_years__repeats(world, peer, stranger):
    _, ids = world.run(peer, deposit=1_100 * PRICE)
    world.next_epoch(1_095)
    lasts = [field(world.market.claim(ids, by=stranger), "Claimed", "last") for _ in range(2)]

    assert lasts[1] - lasts[0] == 1_094 - 1_024


def test_claim__provider_is_developer_and_caller__credits_add_up(world, peer, provider):
    offer = world.bid(by="provider", tip=4)
    ids = ids_of(world.match(offer, [world.fill(peer, 4)], by="provider"))
    world.market.activate(ids, by=provider)
    world.next_epoch()
    world.prove(peer)
    world.next_epoch(2)
    world.market.claim(ids, by=provider)

    assert world.free(provider) == 4 + 2 * 4 * PRICE


def test_evict__provider_by_itself__keeps_the_fee_and_loses_the_capacity(world, peer, provider):
    _, ids = world.run(peer, units=2)
    world.pulse(5)
    free = world.view("staking", "free", provider)
    fee, bond = 2 * world.parameters.fault_fee, 2 * world.parameters.bond_per_unit

    world.market.evict(ids, by=provider)

    assert world.view("staking", "free", provider) == free + fee
    assert world.view("staking", "leaving", provider)[0] == bond - fee
    assert world.peer(peer)["units"] == 2


def test_set_wallet__stolen_key__could_only_make_noise(world, peer, provider, wallet):
    _, ids = world.run(peer)
    world.market.leave(ids, 56, by=wallet)
    world.market.set_wallet(peer, provider, by=provider)
    world.next_epoch()

    with ape.reverts("proofs: not the wallet"):
        world.prove(peer)
    assert world.free(wallet) == 0


@pytest.mark.parametrize("way", ["drop", "stop"])
def test_match__unit_resold_in_the_epoch_of_its_end__both_developers_pay(
    world, peer, provider, developer, way
):
    deal, ids = world.run(peer, units=4)
    if way == "drop":
        world.market.drop(ids, 64, by=developer)
    else:
        world.market.stop(deal, by=developer)
        world.market.release(ids, by=provider)
    second = world.bid(by="other_developer")
    resold = ids_of(world.match(second, [world.fill(peer, 4)]))
    world.activate(resold)
    world.next_epoch()
    world.prove(peer)
    world.next_epoch()
    world.market.claim([*ids, *resold], by=provider)

    assert world.free(provider) == 8 * PRICE
