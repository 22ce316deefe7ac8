"""Try other choices of who is served at all: compiled, in integers.

All-or-nothing minimums leave deals out that no augmenting path brings in. So, again and again,
one that lacks units is served at the cost of some that are in its way, and these are placed again
around it; what saves less is undone. The choices follow from a seed that follows from the offers.
"""

import numpy as np

from matcher.engine.auction.allocation import (
    cheapest_from,
    may_take,
    place,
    release_all,
    surplus_of,
    take,
)
from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints
from matcher.engine.index.compiled import compiled, uncounted
from matcher.engine.values import MAX_FILLS

MOST_MOVED = 16
_PROBES = 32
_MODULUS, _FACTOR = 2**31 - 1, 48_271


@uncounted
def _draw(random: Ints, below: int) -> int:
    random[0] = random[0] * _FACTOR % _MODULUS
    return int(random[0] % below)


@compiled
def _choose(market: AuctionArrays, fills: Allocation, random: Ints, moved: Ints) -> int:
    """Choose one to serve first, some who hold what it may take, and others who lack units."""
    demands, rows = len(market.bid), len(market.price)
    moved[0] = _draw(random, demands)
    for _ in range(_PROBES):
        if fills.got[moved[0]] < market.want[moved[0]]:
            break
        moved[0] = _draw(random, demands)
    count = 1
    in_the_way = 1 + _draw(random, 4)
    for _ in range(_PROBES):
        row = _draw(random, rows)
        if count > in_the_way:
            break
        name = fills.first[market.peer[row]]
        if market.price[row] > market.bid[moved[0]] or not may_take(market, moved[0], row):
            continue
        for _ in range(_draw(random, 4)):
            if name >= 0 and fills.after[name] >= 0:
                name = fills.after[name]
        if name >= 0:
            count = _add(moved, count, name // MAX_FILLS)
    for _ in range(4):
        demand = _draw(random, demands)
        if fills.got[demand] < market.want[demand]:
            count = _add(moved, count, demand)
    # Who is placed after the first one: by bid, or as they were drawn.
    if _draw(random, 2):
        moved[1:count].sort()
    return count


@uncounted
def _add(moved: Ints, count: int, demand: int) -> int:
    for place_ in range(count):
        if moved[place_] == demand:
            return count
    moved[count] = demand
    return count + 1


@compiled
def ruin_and_recreate(
    market: AuctionArrays,
    fills: Allocation,
    order: Ints,
    cost: Ints,
    seed: int,
    steps: int,
    enough: int,
) -> int:
    """Serve others instead wherever that gains; return the gain in surplus.

    Stops after reading `steps` rows, or when `enough` more is saved.
    """
    random = np.full(1, seed % (_MODULUS - 1) + 1, np.int64)
    lowest = cheapest_from(market, order)
    moved = np.empty(MOST_MOVED, np.int64)
    old_row = np.empty((MOST_MOVED, MAX_FILLS), np.int64)
    old_units = np.empty((MOST_MOVED, MAX_FILLS), np.int64)
    gain = 0
    limit = fills.work[0] + steps
    while fills.work[0] < limit and gain < enough:
        fills.work[0] += _PROBES
        count = _choose(market, fills, random, moved)
        change = 0
        for number in range(count):
            demand = moved[number]
            change -= surplus_of(market, fills, demand)
            old_row[number] = fills.row[demand]
            old_units[number] = fills.units[demand]
            release_all(market, fills, demand)
        for number in range(count):
            change += place(market, fills, order, lowest, cost, moved[number])
        if change >= 0:
            gain += change
            continue
        for number in range(count):
            release_all(market, fills, moved[number])
        for number in range(count):
            for line in range(MAX_FILLS):
                if old_units[number, line] > 0:
                    row, units = old_row[number, line], old_units[number, line]
                    take(market, fills, moved[number], row, units)
    return gain
