"""The sums of a local market: a unit too many or too few is noticed, wherever it is."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from wasmarket.kernel.errors import TimedOut
from wasmarket_cli.local.money import READINGS, DoesNotAddUp, Money, read_still

pytestmark = pytest.mark.unit

GOOD = Money(
    wallets={"developer": 60, "alpha": 10},
    free={"developer": 5, "alpha": 0},
    deals={1: 20, 2: 0},
    aside={1: 3, 2: 2},
    held=30,
    supply=100,
)


def test_check__all_there__is_quiet():
    GOOD.check()


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize(
    ("place", "key"),
    [("wallets", "alpha"), ("free", "developer"), ("deals", 1), ("aside", 2)],
)
def test_check__one_unit_off_in_any_place__is_noticed(place, key, change):
    entries = getattr(GOOD, place)

    with pytest.raises(DoesNotAddUp):
        replace(GOOD, **{place: {**entries, key: entries[key] + change}}).check()


@pytest.mark.parametrize("change", [{"held": 29}, {"held": 31}, {"supply": 99}, {"supply": 101}])
def test_check__one_unit_off_in_the_totals__is_noticed(change):
    with pytest.raises(DoesNotAddUp):
        replace(GOOD, **change).check()


def test_check__says_both_sides():
    with pytest.raises(DoesNotAddUp, match=r"holds 0\.000029 and owes 0\.000030 USDC"):
        replace(GOOD, held=29).check()


def test_lines__name_every_place():
    assert GOOD.lines() == {
        "developer: wallet": 60,
        "alpha: wallet": 10,
        "developer: free in Market": 5,
        "alpha: free in Market": 0,
        "deal 1: balance": 20,
        "deal 2: balance": 0,
        "put aside for epochs begun": 5,
    }


def wiring_of(heads):
    """Return a chain whose newest block is each of `heads` in turn."""
    blocks = (SimpleNamespace(number=number) for number in heads)
    return SimpleNamespace(rpc=SimpleNamespace(fetch_head=lambda: next(blocks)))


def test_read_still__block_is_made_meanwhile__reads_anew():
    assert read_still(wiring_of([7, 8, 8, 9, 9, 9]), str) == "9"


def test_read_still__never_without_a_block__ends():
    with pytest.raises(TimedOut):
        read_still(wiring_of(range(2 * READINGS)), str)
