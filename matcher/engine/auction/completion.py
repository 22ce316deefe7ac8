"""Who can be served at all, and who may have what an auction left: compiled, in integers."""

import numpy as np
import numpy.typing as npt

from matcher.engine.auction.allocation import (
    REGIONS,
    may_take,
    most_of,
    place,
    room_beside_live,
    take,
)
from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints
from matcher.engine.index.compiled import compiled
from matcher.engine.values import MAX_FILLS, NO_CAP

Flags = npt.NDArray[np.bool_]


@compiled
def _is_servable(market: AuctionArrays, left: Ints, demand: int, used: Ints) -> bool:
    """Whether the minimums can be reached one by one; `used` is scratch by provider, all zero."""
    least, spread = max(market.least[demand], 1), market.spread[demand]
    fills, capped = market.fills[demand], market.cap[demand] < NO_CAP
    seen = np.zeros(REGIONS, np.uint8)
    largest = np.zeros(MAX_FILLS, np.int64)
    budget, units, regions, reach, end = market.budget[demand], 0, 0, 0, 0
    for row in range(len(market.price)):
        end = row + 1
        price = market.price[row]
        if price > market.limit[demand] or (price > budget and units < least):
            break
        if units >= least and regions >= spread and reach >= least:
            break
        amount = left[market.peer[row]]
        if amount <= 0 or not may_take(market, demand, row):
            continue
        provider = market.provider[row]
        if capped:
            room = room_beside_live(market, demand, provider)
            if room <= 0:
                continue
            # The largest lines are looked at without what the provider's other peers give.
            size = min(amount, room)
            amount = max(0, min(amount, room - used[provider]))
            used[provider] += amount
        else:
            size = amount
        region = market.region[row]
        regions += 1 - seen[region]
        seen[region] = 1
        smallest = 0
        for line in range(min(fills, MAX_FILLS)):
            if largest[line] < largest[smallest]:
                smallest = line
        if size > largest[smallest]:
            reach += size - largest[smallest]
            largest[smallest] = size
        amount = min(amount, budget // price)
        units += amount
        budget -= amount * price
    if capped:
        for row in range(end):
            used[market.provider[row]] = 0
    return bool(units >= least and regions >= spread and reach >= least)


@compiled
def find_servable(market: AuctionArrays, left: Ints, demands: Ints) -> Flags:
    """Say of demands that have nothing yet whether no limit alone keeps their minimums out.

    `left` are the units by peer. What is found servable may still not be, what is not never is.
    """
    used = np.zeros(market.provider.max() + 1 if len(market.provider) else 1, np.int64)
    found = np.zeros(len(demands), np.bool_)
    for place_ in range(len(demands)):
        found[place_] = _is_servable(market, left, demands[place_], used)
    return found


@compiled
def complete(market: AuctionArrays, fills: Allocation) -> None:
    """Give idle units to whoever may take them, in the order of the demands, cheapest first."""
    rows = np.nonzero(fills.left[market.peer] > 0)[0]
    for demand in range(len(market.bid)):
        if len(rows) == 0:
            return
        if fills.got[demand] >= market.want[demand]:
            continue
        if fills.got[demand] == 0 and (market.least[demand] > 1 or market.spread[demand] > 1):
            place(market, fills, rows, market.price[rows], market.price, demand)
        else:
            eligible = market.eligible[market.kind[demand]]
            for row in rows:
                if market.price[row] > market.bid[demand]:
                    break
                if fills.left[market.peer[row]] > 0 and (eligible[row >> 3] >> (row & 7)) & 1:
                    units = most_of(market, fills, demand, row)
                    if units > 0:
                        take(market, fills, demand, row, units)
        if fills.got[demand] > 0:
            rows = rows[fills.left[market.peer[rows]] > 0]
