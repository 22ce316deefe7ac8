"""Peers: a machine is listed with its bond, and only its provider changes it."""

import ape
import pytest

from tests.contracts.driver.stage import field, skips
from tests.model.terms import ZERO

pytestmark = pytest.mark.anvil

BOND = 100 * 10**18


def test_register_peer__bond_covered__locks_it_and_logs_all(world, provider, wallet):
    number = world.register(units=3, memory_mib=2_048, region=7, traits=5)

    assert number == 1
    assert world.peer(number) == {
        "provider": provider,
        "units": 3,
        "used": 0,
        "memory_mib": 2_048,
        "region": 7,
        "wallet": wallet,
        "traits": 5,
    }
    assert world.view("staking", "locked", provider) == 3 * BOND


def test_register_peer__twice__numbers_go_up(world):
    assert [world.register(), world.register(by="other_provider")] == [1, 2]


def test_register_peer__largest_values__are_kept(world):
    number = world.register(memory_mib=2**32 - 1, region=255, traits=2**96 - 1)

    assert world.peer(number)["memory_mib"] == 2**32 - 1
    assert world.peer(number)["region"] == 255
    assert world.peer(number)["traits"] == 2**96 - 1


def test_register_peer__no_units__reverts(world):
    with ape.reverts("peers: no units"):
        world.register(units=0)


@pytest.mark.parametrize(
    "beyond", [{"units": 2**16}, {"memory_mib": 2**32}, {"region": 256}, {"traits": 2**96}]
)
def test_register_peer__beyond_its_width__reverts(world, beyond):
    with ape.reverts("packing: out of range"):
        world.register(**beyond)


def test_register_peer__bond_not_covered__reverts(world):
    with ape.reverts("staking: bond not covered"):
        world.register(units=1_001)


def test_set_units__more__locks_the_difference(world, peer, provider):
    outcome = world.market.set_units(peer, 6, by=provider)

    assert field(outcome, "PeerUnits", "units") == world.peer(peer)["units"] == 6
    assert world.view("staking", "locked", provider) == 6 * BOND


def test_set_units__none_in_use__unlocks_everything(world, peer, provider):
    world.market.set_units(peer, 0, by=provider)

    assert world.view("staking", "locked", provider) == 0
    assert skips(world.market.release([1], by=provider)) == [30]


def test_set_units__as_many_as_in_use__is_allowed(world, peer, provider):
    world.run(peer, units=3)

    world.market.set_units(peer, 3, by=provider)

    assert world.peer(peer)["units"] == world.peer(peer)["used"] == 3


def test_set_units__fewer_than_in_use__reverts(world, peer, provider):
    world.run(peer, units=3)

    with ape.reverts("peers: units in use"):
        world.market.set_units(peer, 2, by=provider)


def test_set_units__beyond_its_width__reverts(world, peer, provider):
    with ape.reverts("packing: out of range"):
        world.market.set_units(peer, 2**16, by=provider)


def test_set_units__bond_not_covered__reverts(world, peer, provider):
    with ape.reverts("staking: bond not covered"):
        world.market.set_units(peer, 1_001, by=provider)


@pytest.mark.parametrize("caller", ["wallet", "stranger", "owner", "other_provider"])
@pytest.mark.parametrize(
    ("function", "argument"),
    [("set_units", 1), ("set_wallet", ZERO), ("set_endpoint", "http://elsewhere")],
)
def test_set_anything__not_the_provider__reverts(world, peer, caller, function, argument):
    with ape.reverts("peers: not the provider"):
        getattr(world.market, function)(peer, argument, by=world.roles[caller])


@pytest.mark.parametrize(
    ("function", "argument"),
    [("set_units", 1), ("set_wallet", ZERO), ("set_endpoint", "http://elsewhere")],
)
def test_set_anything__unknown_peer__reverts(world, peer, provider, function, argument):
    with ape.reverts("peers: not the provider"):
        getattr(world.market, function)(peer + 1, argument, by=provider)


def test_set_wallet__stolen_key__loses_its_powers(world, peer, provider, wallet, stranger):
    _, ids, _ = world.open(world.fill(peer))

    outcome = world.market.set_wallet(peer, stranger, by=provider)

    assert field(outcome, "PeerWallet", "wallet") == world.view("market", "wallet_of", peer)
    assert skips(world.market.activate(ids, by=wallet)) == [21]
    assert skips(world.market.activate(ids, by=stranger)) == []


def test_set_endpoint__new_url__is_announced(world, peer, provider):
    outcome = world.market.set_endpoint(peer, "http://elsewhere", by=provider)

    assert field(outcome, "PeerEndpoint", "endpoint") == "http://elsewhere"


def test_wallet_of__unknown_peer__is_nobody(world, peer):
    assert world.view("market", "wallet_of", peer + 1) == ZERO
