"""Optimise one auction: a flow, augmenting paths, ruin and recreate; and a proven bound."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.engine.auction.allocation import place_all
from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints, empty_allocation
from matcher.engine.auction.augmenting_paths import improve
from matcher.engine.auction.dual_bound import LagrangianBound, clearing_prices
from matcher.engine.auction.dual_prices import find_dual_prices, take_flow
from matcher.engine.auction.flow.flow_state import ResidualFlow
from matcher.engine.auction.ruin_and_recreate import ruin_and_recreate
from matcher.engine.values import NO_CAP

# Rows read: a round ends after the same work on every machine.
PATH_STEPS = 10_000_000
RUIN_STEPS = 3_000_000
RUIN_CELLS = 500
"""Rows read per demand and row of the book: small rounds need few tries."""
RUIN_RUNS = 3
CLOSE = 10_000
"""A gap below one in so many is not worth ruin and recreate."""
AHEAD = 100
"""A surplus larger by more than one part in so many is well ahead."""
BOUND_STEPS = 8_000_000
BUDGET_TURNS = 3
"""So many flows are looked for until what budgets pay for is known."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best allocation that was found, and by demand its largest surplus if it were alone."""

    fills: Allocation
    alone: Sequence[int]
    bound: int


def optimise(
    market: AuctionArrays, relaxed: AuctionArrays, seed: int, *, is_bounded: bool = True
) -> Optimum:
    """Return the best of all that was tried, and a bound of the surplus of any allocation.

    The bound is computed from `relaxed`, which may have fewer limits than the market; where nobody
    asks for it (`is_bounded` false), no work is spent on lowering it.
    """
    lagrangian = LagrangianBound(relaxed, empty_allocation(relaxed))
    worth = np.zeros(len(market.free), np.int64)
    flow, dual_prices = _find_flow(market)
    lagrangian.try_prices(dual_prices)
    fills, surplus = _begin(market, flow, dual_prices)
    surplus += _augment_all(market, fills, worth, PATH_STEPS)
    lagrangian.try_prices(worth)
    # What the flow and augmenting paths leave open then is not for ruin and recreate to find.
    if _is_plain(market):
        return Optimum(fills, lagrangian.alone, lagrangian.bound)
    if is_bounded and _is_rough(surplus, lagrangian):
        lagrangian.try_prices(clearing_prices(market))
        lagrangian.descend_subgradient(lagrangian.dual_prices, surplus, BOUND_STEPS)
    cost, order = _rank(market, lagrangian.dual_prices)
    steps = min(RUIN_STEPS, RUIN_CELLS * len(market.bid) * len(market.price))
    for number in range(RUIN_RUNS if is_bounded else RUIN_RUNS // 2):
        if not _is_rough(surplus, lagrangian):
            break
        enough = lagrangian.bound - surplus
        surplus += ruin_and_recreate(market, fills, order, cost, seed + number, steps, enough)
        surplus += _augment_all(market, fills, worth, PATH_STEPS // RUIN_RUNS)
        lagrangian.try_prices(worth)
    return Optimum(fills, lagrangian.alone, lagrangian.bound)


def _find_flow(market: AuctionArrays) -> tuple[ResidualFlow, Ints]:
    """Return the flow and the dual prices where units alone bind.

    Where budgets bind, each demand wants only what its budget pays for at the price that it would
    pay on average, which the flow before says.
    """
    if (market.want * market.bid <= market.budget).all():
        return find_dual_prices(market)
    average = np.full(len(market.bid), int(market.price[0]) if len(market.price) else 1)
    for turn in range(BUDGET_TURNS):
        want = np.minimum(market.want, market.budget // average)
        flow, dual_prices = find_dual_prices(market._replace(want=want))
        if turn + 1 < BUDGET_TURNS:
            used = np.nonzero(flow.units)[0]
            who, units = flow.demand[used], flow.units[used]
            got = np.bincount(who, units, len(want)).astype(np.int64)
            spent = np.zeros(len(want), np.int64)
            np.add.at(spent, who, units * market.price[flow.row[used]])
            average = np.where(got > 0, spent // np.maximum(got, 1), average)
    return flow, dual_prices


def _is_plain(market: AuctionArrays) -> bool:
    """Whether units alone bind: no minimum, region, cap or budget can."""
    return bool(
        (market.least <= 1).all()
        and (market.spread <= 1).all()
        and (market.cap >= NO_CAP).all()
        and (market.want * market.bid <= market.budget).all()
    )


def _is_rough(surplus: int, lagrangian: LagrangianBound) -> bool:
    return (lagrangian.bound - surplus) * CLOSE > lagrangian.bound


def _rank(market: AuctionArrays, dual_prices: Ints) -> tuple[Ints, Ints]:
    """Return by row what it costs with its dual price, and the rows by rising cost."""
    cost = market.price + dual_prices[market.peer]
    return cost, np.argsort(cost, kind="stable")


def _begin(market: AuctionArrays, flow: ResidualFlow, dual_prices: Ints) -> tuple[Allocation, int]:
    """Return what to improve: the flow as far as the limits allow it, or the greedy baseline.

    The baseline looks at costs with dual prices, so that those who have a choice leave to others
    what these need more. Paths get further from the flow: the baseline must be well ahead.
    """
    cost, order = _rank(market, dual_prices)
    shared, plain = empty_allocation(market), empty_allocation(market)
    surplus = int(take_flow(market, shared, flow))
    surplus += int(place_all(market, shared, order, cost, np.nonzero(shared.got == 0)[0]))
    other = int(place_all(market, plain, order, cost, np.arange(len(market.bid))))
    return (plain, other) if (other - surplus) * AHEAD > other else (shared, surplus)


def _augment_all(market: AuctionArrays, fills: Allocation, worth: Ints, steps: int) -> int:
    """Augment until no path gains or the steps are used up; return the gain in surplus."""
    gain = 0
    end = fills.work[0] + steps
    while fills.work[0] < end:
        more = improve(market, fills, worth, end - fills.work[0])
        gain += more
        if not more:
            return gain
    improve(market, fills, worth, 0)
    return gain
