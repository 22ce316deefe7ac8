"""Free money: it comes in by allowance and goes out to whom its owner names."""

import ape
import pytest

from tests.contracts.driver.stage import field
from tests.model.terms import ZERO

pytestmark = pytest.mark.anvil


def test_deposit__within_allowance__adds_to_free(world, developer):
    outcome = world.market.deposit(700, by=developer)

    assert world.free(developer) == 700
    assert [e.name for e in outcome.events] == ["Deposited"]
    assert field(outcome, "Deposited", "free") == 700


@pytest.mark.parametrize("amount", [0, 2**64])
def test_deposit__amount_out_of_range__reverts(world, developer, amount):
    with ape.reverts("ledger: amount out of range"):
        world.market.deposit(amount, by=developer)


def test_deposit_and_withdraw__the_largest_amount__are_accepted(world, developer):
    largest = 2**64 - 1
    world.mint(developer, largest)

    world.market.deposit(largest, by=developer)
    assert world.free(developer) == largest
    world.market.withdraw(largest, developer, by=developer)

    assert world.free(developer) == 0


def test_deposit__no_allowance__reverts(world, developer):
    world.allow(developer, 699)

    with ape.reverts("erc20: not enough allowance"):
        world.market.deposit(700, by=developer)


def test_withdraw__to_another__pays_them(world, developer, stranger):
    world.market.deposit(700, by=developer)
    before = world.view("usdc", "balanceOf", stranger)

    outcome = world.market.withdraw(300, stranger, by=developer)

    assert world.view("usdc", "balanceOf", stranger) == before + 300
    assert field(outcome, "Withdrawn", "free") == world.free(developer) == 400


def test_withdraw__more_than_free__reverts(world, developer, stranger):
    world.market.deposit(700, by=developer)

    with ape.reverts("ledger: not enough free"):
        world.market.withdraw(701, developer, by=developer)
    with ape.reverts("ledger: not enough free"):
        world.market.withdraw(1, stranger, by=stranger)


@pytest.mark.parametrize("amount", [0, 2**64])
def test_withdraw__amount_out_of_range__reverts(world, developer, amount):
    with ape.reverts("ledger: amount out of range"):
        world.market.withdraw(amount, developer, by=developer)


def test_withdraw__to_nobody_or_the_market__reverts(world, developer):
    world.market.deposit(700, by=developer)

    with ape.reverts("tokens: bad receiver"):
        world.market.withdraw(1, ZERO, by=developer)
    with ape.reverts("tokens: bad receiver"):
        world.market.withdraw(1, world.contracts["market"].address, by=developer)
