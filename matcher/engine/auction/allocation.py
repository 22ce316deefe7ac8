"""Give a demand of a round its units, or take them back: compiled, in integers.

A demand is placed at the cheapest asks that it may take, in an order of choice; every limit of both
sides is kept at every step.
"""

import numpy as np

from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints
from matcher.engine.index.compiled import compiled, uncounted
from matcher.engine.values import MAX_FILLS, NO_CAP

REGIONS = 256
LARGEST = 1024
SWEEP = 32
"""After so many demands, rows that are sold out are no longer looked at."""


@uncounted
def may_take(market: AuctionArrays, demand: int, row: int) -> bool:
    """Whether the ask is one for the demand, the price aside."""
    bits = market.eligible[market.kind[demand], row >> 3]
    return bool(bits >> (row & 7) & 1)


@uncounted
def room_beside_live(market: AuctionArrays, demand: int, provider: int) -> int:
    """Return how many units the demand may have of a provider beside those that it has already."""
    room = market.cap[demand]
    if room >= NO_CAP:
        return int(room)
    for sale in range(market.sold_at[demand], market.sold_at[demand + 1]):
        if market.sold_provider[sale] == provider:
            room -= market.sold_units[sale]
    return int(room)


@uncounted
def room_at(market: AuctionArrays, fills: Allocation, demand: int, provider: int) -> int:
    """Return how many more units the demand may have of a provider."""
    room = room_beside_live(market, demand, provider)
    if room >= NO_CAP:
        return room
    line, left = 0, fills.lines[demand]
    while left > 0:
        if fills.units[demand, line] > 0:
            left -= 1
            if market.provider[fills.row[demand, line]] == provider:
                room -= fills.units[demand, line]
        line += 1
    return int(max(room, 0))


@uncounted
def find_line(fills: Allocation, demand: int, row: int) -> int:
    """Return the line in which the demand has units of the ask, or -1."""
    line, left = 0, fills.lines[demand]
    while left > 0:
        if fills.units[demand, line] > 0:
            if fills.row[demand, line] == row:
                return line
            left -= 1
        line += 1
    return -1


@uncounted
def take(market: AuctionArrays, fills: Allocation, demand: int, row: int, units: int) -> None:
    """Give units of an ask to a demand; the limits were looked at before."""
    peer = market.peer[row]
    line = find_line(fills, demand, row)
    if line < 0:
        line = 0
        while fills.units[demand, line] > 0:
            line += 1
        name = demand * MAX_FILLS + line
        fills.row[demand, line] = row
        fills.lines[demand] += 1
        fills.before[name] = -1
        fills.after[name] = fills.first[peer]
        if fills.first[peer] >= 0:
            fills.before[fills.first[peer]] = name
        fills.first[peer] = name
    fills.units[demand, line] += units
    fills.left[peer] -= units
    fills.got[demand] += units
    fills.spent[demand] += units * market.price[row]


@uncounted
def release(market: AuctionArrays, fills: Allocation, demand: int, line: int, units: int) -> None:
    """Take units of one line back."""
    row = fills.row[demand, line]
    peer = market.peer[row]
    fills.units[demand, line] -= units
    fills.left[peer] += units
    fills.got[demand] -= units
    fills.spent[demand] -= units * market.price[row]
    if fills.units[demand, line] == 0:
        name = demand * MAX_FILLS + line
        fills.lines[demand] -= 1
        earlier, later = fills.before[name], fills.after[name]
        if earlier >= 0:
            fills.after[earlier] = later
        else:
            fills.first[peer] = later
        if later >= 0:
            fills.before[later] = earlier


@uncounted
def release_all(market: AuctionArrays, fills: Allocation, demand: int) -> None:
    """Take everything back from a demand."""
    for line in range(MAX_FILLS):
        if fills.units[demand, line] > 0:
            release(market, fills, demand, line, fills.units[demand, line])


@uncounted
def surplus_of(market: AuctionArrays, fills: Allocation, demand: int) -> int:
    """Return what the demand saves against its bid."""
    return int(market.bid[demand] * fills.got[demand] - fills.spent[demand])


@uncounted
def count_regions(market: AuctionArrays, fills: Allocation, demand: int, without: int) -> int:
    """Count the regions of a demand's lines, but for one line (-1: for none)."""
    count = 0
    for line in range(MAX_FILLS):
        if line != without and fills.units[demand, line] > 0:
            region = market.region[fills.row[demand, line]]
            is_new = True
            for other in range(line):
                if (
                    other != without
                    and fills.units[demand, other] > 0
                    and market.region[fills.row[demand, other]] == region
                ):
                    is_new = False
                    break
            count += is_new
    return count


@uncounted
def most_of(market: AuctionArrays, fills: Allocation, demand: int, row: int) -> int:
    """Return how many units of an ask that fits the demand can take now."""
    units = min(fills.left[market.peer[row]], market.want[demand] - fills.got[demand])
    if fills.lines[demand] >= market.fills[demand] and find_line(fills, demand, row) < 0:
        return 0
    units = min(units, room_at(market, fills, demand, market.provider[row]))
    # Rounds down: whole units that the budget still pays.
    return int(min(units, (market.budget[demand] - fills.spent[demand]) // market.price[row]))


@compiled
def cheapest_from(market: AuctionArrays, order: Ints) -> Ints:
    """Return for each place in an order of rows the lowest price from there on."""
    lowest = market.price[order]
    for place_ in range(len(order) - 2, -1, -1):
        lowest[place_] = min(lowest[place_], lowest[place_ + 1])
    return lowest


@compiled
def _spread(
    market: AuctionArrays, fills: Allocation, order: Ints, lowest: Ints, demand: int
) -> None:
    """Take one unit in each of the first regions, as many as the demand needs."""
    seen = np.zeros(REGIONS, np.uint8)
    count = 0
    for place_ in range(len(order)):
        if count == market.spread[demand] or lowest[place_] > market.bid[demand]:
            return
        row = order[place_]
        if seen[market.region[row]] or market.price[row] > market.bid[demand]:
            continue
        if may_take(market, demand, row) and most_of(market, fills, demand, row) > 0:
            take(market, fills, demand, row, 1)
            seen[market.region[row]] = 1
            count += 1


@uncounted
def _count_below(order: Ints, cost: Ints, bid: int) -> int:
    """Return how many rows cost no more than a bid; `order` has them by rising cost."""
    begin, end = 0, len(order)
    while begin < end:
        middle = (begin + end) // 2
        if cost[order[middle]] > bid:
            end = middle
        else:
            begin = middle + 1
    return begin


@compiled
def _fill(
    market: AuctionArrays,
    fills: Allocation,
    order: Ints,
    lowest: Ints,
    cost: Ints,
    demand: int,
    size: int,
) -> None:
    """Fill from peers that give `size` units or all that is missing, in the order of cost.

    Rows that nothing can be had of are not read, but count as work as if they were.
    """
    price, peer, left, got, work = market.price, market.peer, fills.left, fills.got, fills.work
    fits = market.eligible[market.kind[demand]]
    bid, want, least = market.bid[demand], market.want[demand], market.least[demand]
    if market.spread[demand] > 1:
        _spread(market, fills, order, lowest, demand)
        if got[demand] == 0 and least > 0:
            work[0] += len(order)
            return
        if got[demand] == want:
            work[0] += min(_count_below(order, cost, bid) + 1, len(order))
            return
    for place_ in range(len(order)):
        if lowest[place_] > bid:
            work[0] += 1 if got[demand] >= least else len(order) - place_
            return
        row = order[place_]
        work[0] += 1
        if cost[row] > bid and got[demand] >= least:
            return
        if left[peer[row]] == 0 or price[row] > bid or not (fits[row >> 3] >> (row & 7)) & 1:
            continue
        units = most_of(market, fills, demand, row)
        if units > 0 and (units >= size or units >= want - got[demand]):
            take(market, fills, demand, row, units)
            if got[demand] == want:
                return
            if fills.lines[demand] >= market.fills[demand] and market.spread[demand] <= 1:
                return


@compiled
def place(
    market: AuctionArrays, fills: Allocation, order: Ints, lowest: Ints, cost: Ints, demand: int
) -> int:
    """Give an empty demand what it can get; return what it saves (0: nothing possible).

    `order` has the rows by rising `cost`, which is the price or more; `lowest` is what
    `cheapest_from` says of it. Where the cost is above the bid, the demand takes only what its
    minimum needs.
    """
    _fill(market, fills, order, lowest, cost, demand, 1)
    if fills.lines[demand] >= market.fills[demand] and fills.got[demand] < market.want[demand]:
        # Too few lines for so many small peers: try to use larger ones.
        best, best_size, size = -1, 1, 1
        while size <= LARGEST:
            if size > 1:
                release_all(market, fills, demand)
                _fill(market, fills, order, lowest, cost, demand, size)
            if is_whole(market, fills, demand) and surplus_of(market, fills, demand) > best:
                best, best_size = surplus_of(market, fills, demand), size
            size *= 2
        release_all(market, fills, demand)
        _fill(market, fills, order, lowest, cost, demand, best_size)
    if not is_whole(market, fills, demand):
        release_all(market, fills, demand)
    return surplus_of(market, fills, demand)


@uncounted
def is_whole(market: AuctionArrays, fills: Allocation, demand: int) -> bool:
    if fills.got[demand] < market.least[demand]:
        return False
    if market.spread[demand] <= 1:
        return True
    return bool(count_regions(market, fills, demand, -1) >= market.spread[demand])


@compiled
def place_all(
    market: AuctionArrays, fills: Allocation, order: Ints, cost: Ints, sequence: Ints
) -> int:
    """Place demands one after the other; return what they save."""
    peer, left = market.peer, fills.left
    surplus = 0
    order = order.copy()
    count = len(order)
    lowest = order[:0]
    for place_ in range(len(sequence)):
        if place_ % SWEEP == 0:
            kept = 0
            for row in order[:count]:
                if left[peer[row]] > 0:
                    order[kept] = row
                    kept += 1
            count = kept
            lowest = cheapest_from(market, order[:count])
        surplus += place(market, fills, order[:count], lowest, cost, sequence[place_])
    return surplus
