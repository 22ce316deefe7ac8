"""Staking: bonds are Market's to lock, the rest is the provider's to take, after a delay."""

import ape
import pytest

from tests.contracts.driver.stage import field
from tests.contracts.driver.world import STAKE
from tests.model.terms import ZERO, Parameters

pytestmark = pytest.mark.anvil

DELAY = Parameters().leaving_delay


def test_deposit_stake__within_allowance__adds_to_free(world, provider):
    outcome = world.staking.deposit(700, by=provider)

    assert outcome.events[0].fields == {"provider": provider, "free": STAKE + 700, "locked": 0}
    assert world.view("staking", "free", provider) == STAKE + 700


@pytest.mark.parametrize("amount", [0, 2**128])
def test_deposit_stake__amount_out_of_range__reverts(world, provider, amount):
    with ape.reverts("staking: amount out of range"):
        world.staking.deposit(amount, by=provider)


def test_deposit_stake__more_than_held__reverts(world, provider):
    with ape.reverts("erc20: not enough balance"):
        world.staking.deposit(2**127, by=provider)


def test_request__free_stake__is_leaving(world, provider):
    outcome = world.staking.request(700, by=provider)

    assert field(outcome, "Leaving", "ready") == world.now + DELAY
    assert world.view("staking", "leaving", provider) == (700, world.now + DELAY)
    assert world.view("staking", "free", provider) == STAKE - 700


def test_request__again__restarts_the_clock_for_all(world, provider):
    world.staking.request(700, by=provider)
    world.pass_seconds(DELAY - 10)

    world.staking.request(1, by=provider)

    assert world.view("staking", "leaving", provider) == (701, world.now + DELAY)
    world.pass_seconds(20)
    with ape.reverts("staking: not ready"):
        world.staking.withdraw(provider, by=provider)


def test_request__locked_stake__reverts(world, provider):
    world.register(units=1_000)

    with ape.reverts("staking: not enough free"):
        world.staking.request(1, by=provider)


@pytest.mark.parametrize("amount", [0, 2**128])
def test_request__amount_out_of_range__reverts(world, provider, amount):
    with ape.reverts("staking: amount out of range"):
        world.staking.request(amount, by=provider)


@pytest.mark.parametrize(("seconds", "ready"), [(DELAY - 1, False), (DELAY, True)])
def test_withdraw_stake__delay__must_be_over(world, provider, stranger, seconds, ready):
    before = world.view("flt", "balanceOf", stranger)
    world.staking.request(700, by=provider)
    world.pass_seconds(seconds)

    if ready:
        world.staking.withdraw(stranger, by=provider)
        assert world.view("flt", "balanceOf", stranger) == before + 700
        assert world.view("staking", "leaving", provider) == (0, 0)
    else:
        with ape.reverts("staking: not ready"):
            world.staking.withdraw(stranger, by=provider)


def test_withdraw_stake__nothing_leaving__reverts(world, provider, stranger):
    world.staking.request(700, by=provider)
    world.pass_seconds(3 * DELAY)

    with ape.reverts("staking: nothing leaving"):
        world.staking.withdraw(stranger, by=stranger)
    world.staking.withdraw(provider, by=provider)
    with ape.reverts("staking: nothing leaving"):
        world.staking.withdraw(provider, by=provider)


def test_withdraw_stake__to_nobody_or_itself__reverts(world, provider):
    world.staking.request(700, by=provider)
    world.pass_seconds(3 * DELAY)

    for nowhere in (ZERO, world.contracts["staking"].address):
        with ape.reverts("tokens: bad receiver"):
            world.staking.withdraw(nowhere, by=provider)


@pytest.mark.parametrize("by", ["owner", "provider", "stranger"])
@pytest.mark.parametrize("function", ["lock", "unlock", "slash", "seize"])
def test_move_bond__not_the_market__reverts(world, peer, provider, stranger, function, by):
    rest = (5, stranger) if function in ("slash", "seize") else ()

    with ape.reverts("staking: not the market"):
        getattr(world.staking, function)(provider, 10, *rest, by=world.roles[by])


def test_unlocked_bond__leaves_by_itself__and_restarts_the_delay(world, peer, provider):
    bond = 4 * world.parameters.bond_per_unit
    world.staking.request(STAKE - bond, by=provider)
    world.pass_seconds(DELAY - 1)
    world.market.set_units(peer, 0, by=provider)
    assert world.view("staking", "leaving", provider) == (STAKE, world.now + DELAY)
    world.pass_seconds(DELAY - 1)
    with ape.reverts("staking: not ready"):
        world.staking.withdraw(provider, by=provider)
    world.pass_seconds(1)

    world.staking.withdraw(provider, by=provider)

    assert world.view("staking", "stake_word", provider) == 0
