"""Find what a unit of each peer is worth where units alone bind: compiled, in integers.

Each peer gets a level, its ask or more, and each demand one, its bid or less: then all that is
worth having goes to who should have it, if nobody takes from a peer of another level. At one price
the only question is how many units those who bid more can have of those who ask no more. Those who
then have to go short have a higher level than this price, and so have all peers they could take
from; all others have a lower one. Both parts are asked again, each at prices of its own.
"""

import numpy as np
import numpy.typing as npt

from matcher.engine.auction.allocation import is_whole, most_of, release_all, surplus_of, take
from matcher.engine.auction.arrays import Allocation, AuctionArrays, Ints
from matcher.engine.auction.flow.flow_state import (
    FIXED,
    NONE,
    WORD,
    ResidualFlow,
    empty_flow,
    fix,
    undo,
)
from matcher.engine.auction.flow.max_flow import send_all
from matcher.engine.index.compiled import compiled

Flags = npt.NDArray[np.bool_]

LEVEL_STEPS = 100_000_000
"""Words of 64 rows read: far more than rounds of five thousand demands need."""


def find_dual_prices(market: AuctionArrays) -> tuple[ResidualFlow, Ints]:
    """Return who gets what where units alone bind, and by peer how far its level is above its ask.

    Exact where every peer asks one price of all; of several prices it counts the lowest.
    """
    flow = empty_flow(market, LEVEL_STEPS)
    asks = np.zeros(len(market.free), np.int64)
    dual_prices = np.zeros(len(market.free), np.int64)
    peers, first = np.unique(market.peer, return_index=True)
    if not len(peers) or not len(market.bid):
        return flow, dual_prices
    values = np.unique(np.concatenate([market.bid, market.price[first]]))
    asks[peers] = np.searchsorted(values, market.price[first])
    levels = asks.copy()
    _split_by_level(
        market,
        flow,
        np.searchsorted(values, market.bid),
        asks,
        peers[np.argsort(first, kind="stable")],
        levels,
    )
    dual_prices[peers] = values[levels[peers]] - market.price[first]
    return flow, dual_prices


@compiled
def _split_by_level(
    market: AuctionArrays, flow: ResidualFlow, bids: Ints, asks: Ints, peers: Ints, levels: Ints
) -> None:
    """Write the levels of peers; bids, asks and levels are places among all values."""
    demands = np.arange(len(bids))
    is_short, is_dear = np.zeros(len(bids), np.bool_), np.zeros(len(asks), np.bool_)
    # Of every part split, one half waits: no more of them than a number has bits.
    parts = np.zeros((2 * WORD, 6), np.int64)
    parts[0, 1], parts[0, 3], parts[0, 5] = len(demands), len(peers), max(bids.max(), asks.max())
    count = 1
    while count > 0:
        count -= 1
        begin, end, start, stop, low, high = parts[count]
        mine, theirs = demands[begin:end], peers[start:stop]
        least, most = high, low
        for demand in mine:
            least, most = min(least, bids[demand]), max(most, bids[demand])
        for peer in theirs:
            least, most = min(least, asks[peer]), max(most, asks[peer])
        low, high = max(low, least), min(high, most)
        if len(mine) == 0 or len(theirs) == 0 or low >= high:
            for peer in theirs:
                levels[peer] = max(low, asks[peer])
            if not _settle_level(market, flow, mine, bids, theirs, asks, low):
                return
            continue
        middle = (low + high) // 2
        _undo_beyond(market, flow, mine, bids, theirs, asks, middle)
        if not send_all(market, flow, mine, bids, middle, theirs, asks, middle):
            return
        for demand in mine:
            is_short[demand] = flow.depth[demand] >= 0
        for peer in theirs:
            is_dear[peer] = asks[peer] > middle or flow.reach[peer] >= 0
        _fix_across(market, flow, mine, is_short, is_dear)
        cut, edge = begin + _put_behind(mine, is_short), start + _put_behind(theirs, is_dear)
        for place, part in enumerate(
            ((begin, cut, start, edge, low, middle), (cut, end, edge, stop, middle + 1, high))
        ):
            for column in range(6):
                parts[count + place, column] = part[column]
        count += 2


@compiled
def _undo_beyond(
    market: AuctionArrays,
    flow: ResidualFlow,
    demands: Ints,
    bids: Ints,
    peers: Ints,
    asks: Ints,
    price: int,
) -> None:
    """Undo what those have who do not bid above the price, and what those sell who ask more."""
    for demand in demands:
        arc = flow.of_demand[demand] if bids[demand] <= price else NONE
        while arc >= 0:
            later = flow.after[arc]
            if flow.below[arc] != FIXED:
                undo(market, flow, arc)
            arc = later
    for peer in peers:
        while asks[peer] > price and flow.of_peer[peer] >= 0:
            undo(market, flow, flow.of_peer[peer])


@compiled
def _fix_across(
    market: AuctionArrays, flow: ResidualFlow, demands: Ints, is_short: Flags, is_dear: Flags
) -> None:
    """Leave to those who go short what caps let them have of peers that do not."""
    for demand in demands:
        arc = flow.of_demand[demand]
        while arc >= 0:
            is_across = is_short[demand] != is_dear[market.peer[flow.row[arc]]]
            if is_across and flow.below[arc] != FIXED:
                fix(market, flow, arc)
            arc = flow.after[arc]


@compiled
def _settle_level(
    market: AuctionArrays,
    flow: ResidualFlow,
    demands: Ints,
    bids: Ints,
    peers: Ints,
    asks: Ints,
    level: int,
) -> bool:
    """Share out what is of one level: those who bid above it or ask below it come first."""
    if len(demands) == 0 or len(peers) == 0:
        return True
    return bool(
        send_all(market, flow, demands, bids, level, peers, asks, level - 1)
        and send_all(market, flow, demands, bids, level, peers, asks, level)
        and send_all(market, flow, demands, bids, level - 1, peers, asks, level - 1)
    )


@compiled
def _put_behind(nodes: Ints, marked: Flags) -> int:
    """Put the marked ones behind the others; return how many the others are."""
    behind = nodes.copy()
    count = last = 0
    for node in nodes:
        if marked[node]:
            behind[last] = node
            last += 1
        else:
            nodes[count] = node
            count += 1
    nodes[count:] = behind[:last]
    return count


@compiled
def take_flow(market: AuctionArrays, fills: Allocation, flow: ResidualFlow) -> int:
    """Give the demands what they have in a flow, as far as all limits allow; return the surplus."""
    surplus = 0
    for demand in range(len(market.bid)):
        arc = flow.of_demand[demand]
        while arc >= 0:
            row = flow.row[arc]
            if market.price[row] <= market.bid[demand]:
                units = min(flow.units[arc], most_of(market, fills, demand, row))
                if units > 0:
                    take(market, fills, demand, row, units)
            arc = flow.after[arc]
        if is_whole(market, fills, demand):
            surplus += surplus_of(market, fills, demand)
        else:
            release_all(market, fills, demand)
    return surplus
