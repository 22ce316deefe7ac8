"""The owner: pauses new matches and hands over, and can do nothing else."""

import ape
import pytest

from tests.contracts.driver.stage import ROOT, field
from tests.model.terms import ZERO

pytestmark = pytest.mark.anvil


def test_set_paused__and_back__is_announced(world, peer, owner):
    outcome = world.market.set_paused(True, by=owner)
    assert field(outcome, "Paused", "paused") is world.view("market", "paused") is True

    world.market.set_paused(False, by=owner)

    world.open(world.fill(peer))


@pytest.mark.parametrize("by", ["developer", "provider", "stranger"])
def test_set_paused__not_the_owner__reverts(world, by):
    with ape.reverts("ownership: not the owner"):
        world.market.set_paused(True, by=world.roles[by])


def test_set_paused__every_way_out__stays_open(world, peer, other_peer, owner, stranger):
    deal, [first, second] = world.run(peer, other_peer)
    stopped, [third, pending], offer = world.open(world.fill(peer), world.fill(peer))
    world.activate([third])
    roles = world.roles
    world.market.set_paused(True, by=owner)

    world.activate([pending])
    world.next_epoch()
    world.prove(peer, other_peer)
    world.market.leave([first], 56, by=roles["wallet"])
    world.market.drop([second], 64, by=roles["developer"])
    world.market.top_up(deal, 10, by=stranger)
    world.market.take(deal, 10, by=roles["developer"])
    world.market.stop(stopped, by=offer.developer)
    world.market.release([third, pending], by=stranger)
    world.market.set_units(peer, 0, by=roles["provider"])
    world.next_epoch(3)
    world.market.claim_and_withdraw([first, third], roles["provider"], by=roles["provider"])
    world.market.claim([second, pending], by=stranger)
    world.market.deposit(1, by=roles["provider"])
    for role in ("developer", "other_provider", "provider"):
        world.market.withdraw(world.free(roles[role]), roles[role], by=roles[role])
    world.staking.request(world.view("staking", "free", roles["provider"]), by=roles["provider"])
    world.pass_seconds(world.parameters.leaving_delay)
    world.staking.withdraw(roles["provider"], by=roles["provider"])


def test_offer_ownership__accepted__changes_hands(world, owner, stranger):
    outcome = world.market.offer_ownership(stranger, by=owner)
    assert field(outcome, "OwnershipOffered", "next_owner") == stranger
    assert world.view("market", "owner") == owner

    outcome = world.market.accept_ownership(by=stranger)

    assert field(outcome, "OwnershipTransferred", "owner") == world.view("market", "owner")
    assert world.view("market", "next_owner") == ZERO
    with ape.reverts("ownership: not the owner"):
        world.market.set_paused(True, by=owner)


def test_offer_ownership__not_the_owner__reverts(world, stranger):
    with ape.reverts("ownership: not the owner"):
        world.market.offer_ownership(stranger, by=stranger)


def test_offer_ownership__taken_back__cannot_be_accepted(world, owner, stranger):
    world.market.offer_ownership(stranger, by=owner)
    world.market.offer_ownership(ZERO, by=owner)

    with ape.reverts("ownership: not the next owner"):
        world.market.accept_ownership(by=stranger)


@pytest.mark.parametrize("by", ["owner", "developer"])
def test_accept_ownership__not_named__reverts(world, owner, stranger, by):
    world.market.offer_ownership(stranger, by=owner)

    with ape.reverts("ownership: not the next owner"):
        world.market.accept_ownership(by=world.roles[by])


WRITES = {
    "market": (
        "deposit withdraw register_peer set_units set_wallet set_endpoint publish cancel "
        "bump_counter match activate leave drop evict release claim claim_and_withdraw top_up "
        "take stop set_app set_paused offer_ownership accept_ownership pay convict"
    ),
    "meter": "redeem",
    "audits": (
        "ask answer contradict accuse draw vote reveal resolve pack take_seat quit_seat free_seat "
        "deposit withdraw"
    ),
    "staking": "deposit request withdraw lock unlock slash seize",
    "proofs": "commit",
    "lens": "",
}


@pytest.mark.parametrize("contract", sorted(WRITES))
def test_contract__functions_that_write__are_the_ones_in_the_law(world, contract):
    assert sorted(world.contracts[contract].writes) == sorted(WRITES[contract].split())


def test_wallet__everything_it_can_do__moves_no_money_to_it(world, peer, wallet):
    _, ids = world.run(peer)
    _, pending, _ = world.open(world.fill(peer))
    world.next_epoch()

    world.proofs.commit(world.epoch - 1, [(peer, ROOT)], by=wallet)
    world.market.activate(pending, by=wallet)
    world.market.leave([*ids, *pending], 56, by=wallet)
    world.next_epoch(3)
    world.market.claim_and_withdraw([*ids, *pending], wallet, by=wallet)

    assert world.free(wallet) == 0
