"""Solve an auction: a flow, augmenting paths, ruin and recreate; and a proven bound."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.engine.auction.allocation import place_all
from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints, empty_allocation
from matcher.engine.auction.augmenting_paths import improve
from matcher.engine.auction.dual_bound import LagrangianBound, clearing_prices
from matcher.engine.auction.dual_prices import find_dual_prices, take_flow
from matcher.engine.auction.flow_state import ResidualFlow
from matcher.engine.auction.ruin_and_recreate import ruin_and_recreate
from matcher.engine.values import NO_CAP
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash

# Rows read: a round ends after the same work on every machine.
CHAIN_STEPS = 10_000_000
SHUFFLE_STEPS = 3_000_000
SHUFFLE_CELLS = 500
"""Rows read per demand and row of the book: small rounds need few tries."""
SHUFFLES = 4
CLOSE = 10_000
"""A gap below one in so many is not worth other choices."""
AHEAD = 100
"""Saving more than one part in so many more is being well ahead."""
BOUND_STEPS = 12_000_000


@dataclass(frozen=True, slots=True)
class Solution:
    """By demand: the rows and units it gets, by row, and what it could save alone at most."""

    lines: Sequence[Sequence[tuple[int, int]]]
    alone: Sequence[int]
    bound: int


def solve(market: AuctionArrays, hashes: Sequence[Hash]) -> Solution:
    """Return what is best of all that was tried, and a bound of what any round could save."""
    lagrangian = LagrangianBound(market, empty_allocation(market))
    worth = np.zeros(len(market.free), np.int64)
    flow, dual_prices = find_dual_prices(market)
    lagrangian.try_prices(dual_prices)
    fills, surplus = _begin(market, flow, dual_prices)
    surplus += _augment_all(market, fills, worth, CHAIN_STEPS)
    lagrangian.try_prices(worth)
    # What the flow and augmenting paths leave open then is not for ruin and recreate to find.
    if _is_plain(market):
        return Solution(_lines(fills), lagrangian.alone, lagrangian.bound)
    if _is_rough(surplus, lagrangian):
        lagrangian.try_prices(clearing_prices(market))
        lagrangian.descend_subgradient(lagrangian.dual_prices, surplus, BOUND_STEPS)
    cost, order = _rank(market, lagrangian.dual_prices)
    seed = int(sha256("".join(hashes).encode())[:4].hex(), 16)
    steps = min(SHUFFLE_STEPS, SHUFFLE_CELLS * len(market.bid) * len(market.price))
    for number in range(SHUFFLES):
        if not _is_rough(surplus, lagrangian):
            break
        enough = lagrangian.bound - surplus
        surplus += ruin_and_recreate(market, fills, order, cost, seed + number, steps, enough)
        surplus += _augment_all(market, fills, worth, CHAIN_STEPS // SHUFFLES)
        lagrangian.try_prices(worth)
    return Solution(_lines(fills), lagrangian.alone, lagrangian.bound)


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
    """Search paths until none saves more or the steps are used up; return what they save."""
    gain = 0
    end = fills.work[0] + steps
    while fills.work[0] < end:
        more = improve(market, fills, worth, end - fills.work[0])
        gain += more
        if not more:
            return gain
    improve(market, fills, worth, 0)
    return gain


def _lines(fills: Allocation) -> list[list[tuple[int, int]]]:
    lines: list[list[tuple[int, int]]] = [[] for _ in fills.got]
    demands, places = np.nonzero(fills.units)
    rows, units = fills.row[demands, places], fills.units[demands, places]
    for place in np.lexsort((rows, demands)).tolist():
        lines[demands[place]].append((int(rows[place]), int(units[place])))
    return lines
