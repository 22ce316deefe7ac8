"""Dual prices: where units alone bind, the flow is optimal, and they prove it."""

import random

import numpy as np
import pytest

from matcher.engine.auction import dual_prices
from matcher.engine.auction.arrays import LimitedDemand, build_arrays, empty_allocation
from matcher.engine.auction.check import is_lawful
from matcher.engine.auction.dual_bound import LagrangianBound
from matcher.engine.auction.dual_prices import find_dual_prices
from matcher.engine.auction.greedy import in_order, match_greedily
from matcher.engine.auction.match import match_round
from matcher.engine.single.candidates import limits_of
from tests.matcher.markets import PROVIDERS, ask, book_of, demand, peer, simple_book

pytestmark = pytest.mark.unit


def draw_skewed(seed, *, peers=90, wanted=70, step=1, capped=False):
    """Few large cheap peers that nearly everybody may use, many small ones; asks by `step`."""
    draw = random.Random(seed)
    owners, asks = [], []
    for number in range(1, peers + 1):
        is_large = draw.random() < 0.04
        units = draw.randint(30, 80) if is_large else draw.randint(1, 3)
        price = draw.randint(10, 14) if is_large else draw.randint(12, 60)
        owners.append(
            peer(
                number,
                provider=draw.choice(PROVIDERS),
                units=units,
                region=draw.randint(0, 3),
                traits=draw.getrandbits(2),
            )
        )
        asks.append(ask(number, price // step * step))
    demands = [
        demand(
            sequence=number,
            salt=number,
            units=draw.randint(1, 12),
            min_units=1,
            max_price=draw.randint(12, 50) // step * step,
            deposit=10**6,
            regions=draw.choice([0, 0, 1, 3, 6]),
            traits=draw.choice([0, 0, 1, 2]),
            max_units_per_provider=draw.choice([0, 2, 4]) if capped else 0,
        )
        for number in range(wanted)
    ]
    return book_of(owners, asks), demands


def arrays_of(book, demands):
    wanted = [LimitedDemand(entry, limits_of(entry, book)) for entry in in_order(demands)]
    market, _ = build_arrays(wanted, book, {})
    return market


def bound_of(market, dual_prices):
    lagrangian = LagrangianBound(market, empty_allocation(market))
    lagrangian.try_prices(dual_prices)
    return lagrangian.bound


@pytest.mark.parametrize("step", [1, 10])
@pytest.mark.parametrize("seed", range(8))
def test_find_levels__one_price_each__flow_saves_all_that_surcharges_allow(seed, step):
    book, demands = draw_skewed(seed, step=step)
    market = arrays_of(book, demands)

    flow, dual_prices = find_dual_prices(market)

    used = np.flatnonzero(flow.units)
    asked, held = market.peer[flow.row[used]], flow.demand[used]
    gained = (market.bid[held] - market.price[flow.row[used]]) * flow.units[used]
    assert (np.bincount(asked, flow.units[used], len(market.free)) <= market.free).all()
    assert (np.bincount(held, flow.units[used], len(market.bid)) <= market.want).all()
    assert bound_of(market, dual_prices) == gained.sum()


@pytest.mark.parametrize("step", [1, 10])
@pytest.mark.parametrize("seed", range(4))
def test_match_round__few_large_cheap_peers__proven_optimal(seed, step):
    book, demands = draw_skewed(seed, step=step)

    result = match_round(demands, book)

    assert result.surplus == result.bound
    assert result.surplus >= match_greedily(in_order(demands), book).surplus


@pytest.mark.parametrize("seed", range(6))
def test_find_levels__caps__kept_and_a_round_close_to_the_bound(seed):
    book, demands = draw_skewed(seed, capped=True)
    market = arrays_of(book, demands)

    flow, _ = find_dual_prices(market)

    had = {}
    for share in np.flatnonzero(flow.units):
        key = flow.demand[share], market.provider[flow.row[share]]
        had[key] = had.get(key, 0) + flow.units[share]
    assert all(units <= market.cap[demand] for (demand, _), units in had.items())
    assert flow.units.any()
    result = match_round(demands, book)
    assert result.surplus * 100 >= result.bound * 99


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_match_round__levels_run_out_of_steps__lawful_and_bounded(monkeypatch, steps):
    book, demands = draw_skewed(1)
    monkeypatch.setattr(dual_prices, "LEVEL_STEPS", steps)

    result = match_round(demands, book)

    assert is_lawful(result.matches, book)
    assert match_greedily(in_order(demands), book).surplus <= result.surplus <= result.bound


def test_find_levels__more_wanted_than_there_is__level_is_the_bid_that_goes_short():
    book = simple_book((10, 2, 0, 0), (14, 1, 0, 0), (90, 5, 0, 0))
    demands = [demand(units=2, max_price=price, salt=price) for price in (50, 40, 30)]

    flow, dual_prices = find_dual_prices(arrays_of(book, demands))

    # Three units for four wanted at 40 or more: a fourth would be worth 40.
    assert dual_prices[[book.peer_slot(number) for number in (1, 2, 3)]].tolist() == [30, 26, 0]
    assert flow.units.sum() == 3


def test_find_levels__no_rows__nothing():
    flow, dual_prices = find_dual_prices(arrays_of(simple_book(), [demand(), demand(salt=1)]))

    assert not flow.units.any()
    assert not dual_prices.any()
