"""Improve an allocation along augmenting paths: compiled, in integers.

A demand that could use a unit takes it from a peer; if that peer is sold out, one who holds it
moves on to another peer, and so forth until a peer with free units, or until a demand for which the
unit is worth less gives it up. Where money and lines do not bind, what no chain improves is
optimal, and what a further unit of each peer would be worth proves it.
"""

from typing import NamedTuple

import numpy as np

from matcher.engine.auction.allocation import (
    release,
    take,
)
from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints
from matcher.engine.auction.exchange_limits import NEW, can_grow, drop_limit, has_room, swap_limit
from matcher.engine.index.compiled import compiled, uncounted
from matcher.engine.values import MAX_FILLS, NO_CAP

SLOW = 8
"""So many rows are read in the time of a look at all limits."""

QUEUED, HIDDEN, REACHED, SEED, RUNS = range(5)


class PathSearch(NamedTuple):
    """What searches have reached.

    By peer: who would take a unit, of which row, and what that is worth. By demand: which line it
    would give up, of which row, and what an ask may cost at most. `after` and `before` link the
    rows of peers that were not reached; `spare` has those of peers that had free units, `spare_at`
    by demand the first of them to look at. `queue`, `trail` and `reached` list what the last search
    noted: demands, rows no longer linked, and peers; `tally` counts them, and says whose search it
    is and whether search are run.
    """

    taker: Ints
    row_of: Ints
    worth: Ints
    line_of: Ints
    gives: Ints
    value_of: Ints
    queue: Ints
    trail: Ints
    reached: Ints
    after: Ints
    before: Ints
    spare: Ints
    spare_at: Ints
    tally: Ints


@compiled
def _ends(market: AuctionArrays, fills: Allocation) -> tuple[Ints, Ints, Ints]:
    """Return where a unit is worth most, best first: value, demand and line (NEW: a further one).

    A demand that lacks units values one at its bid; one that has units at a price would rather
    have others, if they are cheaper.
    """
    count = 0
    size = fills.lines.sum() + len(market.bid)
    values = np.empty(size, np.int64)
    seeds = np.empty(size, np.int64)
    lines = np.empty(size, np.int64)
    for demand in range(len(market.bid)):
        if can_grow(market, fills, demand):
            values[count], seeds[count], lines[count] = market.bid[demand], demand, NEW
            count += 1
        for line in range(MAX_FILLS):
            if fills.units[demand, line] > 0:
                values[count] = market.price[fills.row[demand, line]]
                seeds[count], lines[count] = demand, line
                count += 1
    order = np.argsort(-values[:count], kind="mergesort")
    return values[order], seeds[order], lines[order]


@uncounted
def _path_limit(
    market: AuctionArrays, fills: Allocation, search: PathSearch, peer: int, most: int
) -> int:
    """Return how many units of a peer can move along the chain that reached it, at most `most`."""
    units = most
    # Fewer units may need a line that moving all of them would have left empty: look again.
    for _ in range(3):
        limit, at = units, peer
        while limit > 0:
            fills.work[0] += SLOW
            demand = search.taker[at]
            line = search.line_of[demand]
            if line != NEW and fills.row[demand, line] != search.gives[demand]:
                return 0
            limit = swap_limit(market, fills, demand, search.row_of[at], line, limit)
            if demand == search.tally[SEED]:
                break
            at = market.peer[fills.row[demand, line]]
        if limit == units or limit <= 0:
            return max(limit, 0)
        units = limit
    return 0


@uncounted
def _augment(
    market: AuctionArrays, fills: Allocation, search: PathSearch, peer: int, units: int
) -> None:
    """Move free units of a peer along the chain that reached it."""
    at = peer
    while True:
        demand = search.taker[at]
        line, row = search.line_of[demand], search.row_of[at]
        if line != NEW:
            at = market.peer[fills.row[demand, line]]
            release(market, fills, demand, line, units)
        take(market, fills, demand, row, units)
        if demand == search.tally[SEED]:
            return


@uncounted
def _use_spare(market: AuctionArrays, fills: Allocation, search: PathSearch, demand: int) -> int:
    """Run the chain that begins with a free unit for this demand, if there is one it may take."""
    price, peer, left, work = market.price, market.peer, fills.left, fills.work
    taker, row_of = search.taker, search.row_of
    fits = market.eligible[market.kind[demand]]
    gives, value = search.line_of[demand], search.value_of[demand]
    slack = market.budget[demand] - fills.spent[demand]
    if gives != NEW:
        slack += price[fills.row[demand, gives]]
    most = min(value, slack + 1, market.bid[demand] + 1)
    spare, start = search.spare, search.spare_at[demand]
    # Sold out is sold out, and what does not fit never will: those need no second look.
    while start < len(spare):
        row = spare[start]
        if price[row] >= most or (left[peer[row]] > 0 and (fits[row >> 3] >> (row & 7)) & 1):
            break
        start += 1
        work[0] += 1
    search.spare_at[demand] = start
    for row in spare[start:]:
        if price[row] >= most:
            break
        work[0] += 1
        at = peer[row]
        if left[at] == 0 or taker[at] >= 0 or not (fits[row >> 3] >> (row & 7)) & 1:
            continue
        work[0] += SLOW
        if swap_limit(market, fills, demand, row, gives, left[at]) == 0:
            continue
        taker[at], row_of[at] = demand, row
        units = _path_limit(market, fills, search, at, left[at])
        if units > 0:
            _augment(market, fills, search, at, units)
        taker[at] = -1
        # If the chain cannot move, it is not for this ask.
        return int(units * (value - price[row]))
    return 0


@uncounted
def _reach(
    market: AuctionArrays, fills: Allocation, search: PathSearch, demand: int, row: int
) -> int:
    """Note that the demand could use units of an ask; return what that saves at once, if it does.

    Those who hold units of a peer that is sold out are queued.
    """
    peer, line_of, tally = market.peer[row], search.line_of, search.tally
    price = market.price
    worth = search.value_of[demand] - price[row]
    search.taker[peer], search.row_of[peer], search.worth[peer] = demand, row, worth
    search.reached[tally[REACHED]] = peer
    tally[REACHED] += 1
    if fills.left[peer] > 0:
        if tally[RUNS]:
            units = _path_limit(market, fills, search, peer, fills.left[peer])
            if units > 0:
                _augment(market, fills, search, peer, units)
                return int(units * worth)
        search.worth[peer] = 0
    name = fills.first[peer]
    saved = 0
    while name >= 0:
        fills.work[0] += 1
        holder, line = name // MAX_FILLS, name % MAX_FILLS
        name = fills.after[name]
        if line_of[holder] >= 0:
            continue
        line_of[holder], search.gives[holder] = line, fills.row[holder, line]
        search.value_of[holder] = worth + price[fills.row[holder, line]]
        search.queue[tally[QUEUED]] = holder
        tally[QUEUED] += 1
        if tally[RUNS]:
            more = _make_way(market, fills, search, peer, holder)
            saved += more
            if more > 0 and _path_limit(market, fills, search, peer, 1) == 0:
                break
    return saved


@uncounted
def _make_way(
    market: AuctionArrays, fills: Allocation, search: PathSearch, peer: int, holder: int
) -> int:
    """Move one who holds units of a peer to free ones, or take them away; return what it saves."""
    line, value = search.line_of[holder], search.value_of[holder]
    saved = 0
    while fills.units[holder, line] > 0 and fills.row[holder, line] == search.gives[holder]:
        more = _use_spare(market, fills, search, holder)
        saved += more
        if more == 0:
            break
    if saved == 0 and value > market.bid[holder]:
        units = drop_limit(market, fills, holder, line)
        if units > 0:
            units = _path_limit(market, fills, search, peer, units)
        if units > 0:
            release(market, fills, holder, line, units)
            _augment(market, fills, search, peer, units)
            saved = int(units * (value - market.bid[holder]))
    return saved


@uncounted
def _search(
    market: AuctionArrays, fills: Allocation, search: PathSearch, seed: int, line: int, value: int
) -> int:
    """Look for a chain that ends at a line of a demand, and run it; return what that saves."""
    after, before, trail, end = search.after, search.before, search.trail, len(market.price)
    price, peer, taker, queue = market.price, market.peer, search.taker, search.queue
    work, tally = fills.work, search.tally
    search.line_of[seed], search.value_of[seed], queue[0] = line, value, seed
    if line != NEW:
        search.gives[seed] = fills.row[seed, line]
    tally[SEED], tally[QUEUED], tally[HIDDEN], tally[REACHED] = seed, 1, 0, 0
    if tally[RUNS]:
        saved = _use_spare(market, fills, search, seed)
        if saved > 0:
            return saved
    head = 0
    while head < tally[QUEUED]:
        demand = queue[head]
        head += 1
        gives = search.line_of[demand]
        fits = market.eligible[market.kind[demand]]
        slack = market.budget[demand] - fills.spent[demand]
        is_free = market.cap[demand] >= NO_CAP
        if gives == NEW:
            is_free = is_free and fills.lines[demand] < market.fills[demand]
        else:
            slack += price[fills.row[demand, gives]]
        most = min(search.value_of[demand], slack + 1, market.bid[demand] + 1)
        row = after[end]
        while row != end and price[row] < most:
            work[0] += 1
            following = after[row]
            is_known = taker[peer[row]] >= 0
            if is_known or (
                (fits[row >> 3] >> (row & 7)) & 1
                and (is_free or has_room(market, fills, demand, row, gives))
            ):
                after[before[row]], before[following] = following, before[row]
                trail[tally[HIDDEN]] = row
                tally[HIDDEN] += 1
                saved = 0 if is_known else _reach(market, fills, search, demand, row)
                if saved > 0:
                    return saved
            row = following
    return 0


@uncounted
def _forget(search: PathSearch) -> None:
    """Undo what the last search noted, so that the next one may come by again."""
    for place in range(search.tally[HIDDEN] - 1, -1, -1):
        row = search.trail[place]
        search.after[search.before[row]] = row
        search.before[search.after[row]] = row
    for place in range(search.tally[REACHED]):
        search.taker[search.reached[place]] = -1
        search.worth[search.reached[place]] = 0
    for place in range(search.tally[QUEUED]):
        search.line_of[search.queue[place]] = -1


@compiled
def improve(market: AuctionArrays, fills: Allocation, worth: Ints, steps: int) -> int:
    """Augment along every path with a gain; return the gain. Stops after reading `steps` rows.

    `worth` gets by peer what one more unit of it would save; it is whole when nothing more was
    found, or no `steps` were allowed to begin with.
    """
    rows, peers, demands = len(market.price), len(market.free), len(market.bid)
    after = np.arange(1, rows + 2)
    before = np.arange(-1, rows)
    # One place beyond the rows joins both ends of the ring.
    after[rows], before[0] = 0, rows
    worth[:] = 0
    search = PathSearch(
        taker=np.full(peers, -1, np.int64),
        row_of=np.zeros(peers, np.int64),
        worth=worth,
        line_of=np.full(demands, -1, np.int64),
        gives=np.zeros(demands, np.int64),
        value_of=np.zeros(demands, np.int64),
        queue=np.empty(demands, np.int64),
        trail=np.empty(rows, np.int64),
        reached=np.empty(peers, np.int64),
        after=after,
        before=before,
        spare=np.nonzero(fills.left[market.peer] > 0)[0],
        spare_at=np.zeros(demands, np.int64),
        tally=np.array([0, 0, 0, 0, steps > 0]),
    )
    gain = 0
    limit = fills.work[0] + steps
    values, seeds, lines = _ends(market, fills)
    for place in range(len(values)):
        seed, line, value = seeds[place], lines[place], values[place]
        # What a search without success has reached stays known: worth less, it leads nowhere.
        while search.line_of[seed] < 0 and (steps == 0 or fills.work[0] < limit):
            if line == NEW:
                if not can_grow(market, fills, seed):
                    break
            elif fills.units[seed, line] == 0 or market.price[fills.row[seed, line]] != value:
                break
            saved = _search(market, fills, search, seed, line, value)
            if saved == 0:
                break
            gain += saved
            _forget(search)
    return gain
