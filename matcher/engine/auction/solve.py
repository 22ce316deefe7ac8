"""Solve the arrays of a round: a flow, then chains, then other choices; and bound it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.engine.auction.allocation import place_all
from matcher.engine.auction.arrays import Fills, Ints, Market, empty_fills
from matcher.engine.auction.augmenting_paths import improve
from matcher.engine.auction.dual_bound import Bounder, clearing_surcharges
from matcher.engine.auction.dual_prices import find_levels, take_shares
from matcher.engine.auction.flow_state import Flow
from matcher.engine.auction.ruin_and_recreate import shuffle
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


def solve(market: Market, hashes: Sequence[Hash]) -> Solution:
    """Return what is best of all that was tried, and a bound of what any round could save."""
    bounder = Bounder(market, empty_fills(market))
    worth = np.zeros(len(market.free), np.int64)
    flow, surcharges = find_levels(market)
    bounder.try_surcharges(surcharges)
    fills, saving = _begin(market, flow, surcharges)
    saving += _run_chains(market, fills, worth, CHAIN_STEPS)
    bounder.try_surcharges(worth)
    # What the levels and chains leave open then is not for other choices to find.
    if _is_plain(market):
        return Solution(_lines(fills), bounder.alone, bounder.bound)
    if _is_rough(saving, bounder):
        bounder.try_surcharges(clearing_surcharges(market))
        bounder.descend(bounder.surcharges, saving, BOUND_STEPS)
    cost, order = _rank(market, bounder.surcharges)
    seed = int(sha256("".join(hashes).encode())[:4].hex(), 16)
    steps = min(SHUFFLE_STEPS, SHUFFLE_CELLS * len(market.bid) * len(market.price))
    for number in range(SHUFFLES):
        if not _is_rough(saving, bounder):
            break
        enough = bounder.bound - saving
        saving += shuffle(market, fills, order, cost, seed + number, steps, enough)
        saving += _run_chains(market, fills, worth, CHAIN_STEPS // SHUFFLES)
        bounder.try_surcharges(worth)
    return Solution(_lines(fills), bounder.alone, bounder.bound)


def _is_plain(market: Market) -> bool:
    """Whether units alone bind: no minimum, region, cap or budget can."""
    return bool(
        (market.least <= 1).all()
        and (market.spread <= 1).all()
        and (market.cap >= NO_CAP).all()
        and (market.want * market.bid <= market.budget).all()
    )


def _is_rough(saving: int, bounder: Bounder) -> bool:
    return (bounder.bound - saving) * CLOSE > bounder.bound


def _rank(market: Market, surcharges: Ints) -> tuple[Ints, Ints]:
    """Return by row what it costs with its surcharge, and the rows by rising cost."""
    cost = market.price + surcharges[market.peer]
    return cost, np.argsort(cost, kind="stable")


def _begin(market: Market, flow: Flow, surcharges: Ints) -> tuple[Fills, int]:
    """Return what to improve: the flow as far as the limits allow it, or the plain way.

    The plain way looks at costs with their surcharges, so that those who have a choice leave to
    others what these need more. Chains get further from the flow: the plain way must be well ahead.
    """
    cost, order = _rank(market, surcharges)
    shared, plain = empty_fills(market), empty_fills(market)
    saving = int(take_shares(market, shared, flow))
    saving += int(place_all(market, shared, order, cost, np.nonzero(shared.got == 0)[0]))
    other = int(place_all(market, plain, order, cost, np.arange(len(market.bid))))
    return (plain, other) if (other - saving) * AHEAD > other else (shared, saving)


def _run_chains(market: Market, fills: Fills, worth: Ints, steps: int) -> int:
    """Run chains until none saves more or the steps are used up; return what they save."""
    gain = 0
    end = fills.work[0] + steps
    while fills.work[0] < end:
        more = improve(market, fills, worth, end - fills.work[0])
        gain += more
        if not more:
            return gain
    improve(market, fills, worth, 0)
    return gain


def _lines(fills: Fills) -> list[list[tuple[int, int]]]:
    lines: list[list[tuple[int, int]]] = [[] for _ in fills.got]
    demands, places = np.nonzero(fills.units)
    rows, units = fills.row[demands, places], fills.units[demands, places]
    for place in np.lexsort((rows, demands)).tolist():
        lines[demands[place]].append((int(rows[place]), int(units[place])))
    return lines
