"""Solve a round in two auctions, and give what both left to whoever may take it.

The first auction counts each unit for what its demand's money would pay. Those whose limit is
above that stand for what is left in a second one, in which they count for their limit. So a bid
without the money behind it takes nothing from those who have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.engine.auction.allocation import take
from matcher.engine.auction.arrays import (
    MOST_WORTH,
    Allocation,
    AuctionArrays,
    Ints,
    empty_allocation,
    scale,
)
from matcher.engine.auction.completion import Flags, complete, find_servable
from matcher.engine.auction.optimise import optimise
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash


@dataclass(frozen=True, slots=True)
class Solution:
    """By demand: rows and units it gets, by row, and its largest surplus if it were alone.

    `open` are the demands that got nothing though no limit alone keeps their minimums out.
    """

    lines: Sequence[Sequence[tuple[int, int]]]
    alone: Sequence[int]
    bound: int
    open: Sequence[int] = ()


def solve(market: AuctionArrays, hashes: Sequence[Hash]) -> Solution:
    """Return the best round that was found, and a bound of the surplus of any round."""
    market = _cut_wants(market)
    seed = int(sha256("".join(hashes).encode())[:4].hex(), 16)
    everybody = np.arange(len(market.bid))
    servable = find_servable(market, market.stock, everybody)
    total = empty_allocation(market)
    alone, bound = _run_first(market, total, servable, seed)
    _run_second(market, total, servable, seed)
    # More than the whole budget cannot be paid for a unit, nor counted with.
    most = np.minimum(market.budget, MOST_WORTH // np.maximum(market.want, 1))
    complete(market._replace(bid=np.minimum(market.limit, most)), total)
    empty = np.nonzero((total.got == 0) & servable)[0]
    still = empty[find_servable(market, total.left, empty)]
    return Solution(_lines(total), alone, bound, still.tolist())


def _cut_wants(market: AuctionArrays) -> AuctionArrays:
    """Want no more than the largest peers could give in as many lines as a match may have."""
    largest = int(market.stock.max(initial=0))
    return market._replace(want=np.minimum(market.want, market.fills * largest))


def _run_first(
    market: AuctionArrays, total: Allocation, servable: Flags, seed: int
) -> tuple[Sequence[int], int]:
    """Run the auction by what bids count for; return the largest surpluses alone, and the bound."""
    bids = np.where(servable, market.bid, 0)
    if not _finds_any(market, bids):
        return [0] * len(bids), 0
    scaled, factor = scale(market, bids)
    # With dear units beside cheap ones these reach their minimums, and the dear ones add nothing.
    is_poor = market.limit > bids
    relaxed = scaled._replace(
        least=np.where(is_poor, 0, market.least), spread=np.where(is_poor, 0, market.spread)
    )
    optimum = optimise(scaled, relaxed, seed)
    _take_all(market, total, optimum.fills, np.arange(len(bids)))
    return [alone // factor for alone in optimum.alone], optimum.bound // factor


def _run_second(market: AuctionArrays, total: Allocation, servable: Flags, seed: int) -> None:
    """Run the auction of those whose limit is above what their bid counts for."""
    lacks = market.want - total.got
    chosen = np.nonzero(servable & (lacks > 0) & (market.limit > market.bid))[0]
    rest = _take_rest(market, total, chosen)
    bids = np.minimum(rest.limit, np.minimum(rest.budget, MOST_WORTH // (rest.want + 1) - 1))
    if len(chosen) and _finds_any(rest, bids):
        scaled, _ = scale(rest, bids)
        _take_all(market, total, optimise(scaled, scaled, seed, is_bounded=False).fills, chosen)


def _finds_any(market: AuctionArrays, bids: Ints) -> bool:
    """Whether there is an ask that is free and cheap enough for anybody."""
    prices = market.price[market.free[market.peer] > 0]
    return bool(len(prices) and len(bids) and prices[0] <= bids.max())


def _take_rest(market: AuctionArrays, total: Allocation, chosen: Ints) -> AuctionArrays:
    """Return the market of some demands for what is left, as far as they can still have it."""
    has_any = total.got[chosen] > 0
    sold = [_sold_to(market, total, demand) for demand in chosen.tolist()]
    return market._replace(
        free=total.left.copy(),
        stock=total.left.copy(),
        kind=market.kind[chosen],
        bid=market.bid[chosen],
        limit=market.limit[chosen],
        want=(market.want - total.got)[chosen],
        least=np.where(has_any, 0, market.least[chosen]),
        budget=(market.budget - total.spent)[chosen],
        fills=(market.fills - total.lines)[chosen],
        cap=market.cap[chosen],
        spread=np.where(has_any, 0, market.spread[chosen]),
        sold_at=np.cumsum([0] + [len(entries) for entries in sold], dtype=np.int64),
        sold_provider=np.array([p for entries in sold for p, _ in entries], np.int64),
        sold_units=np.array([n for entries in sold for _, n in entries], np.int64),
    )


def _sold_to(market: AuctionArrays, total: Allocation, demand: int) -> list[tuple[int, int]]:
    """Return what providers have sold to a demand before, and in this round."""
    begin, end = market.sold_at[demand], market.sold_at[demand + 1]
    sold = dict(
        zip(
            market.sold_provider[begin:end].tolist(),
            market.sold_units[begin:end].tolist(),
            strict=True,
        )
    )
    for line in np.nonzero(total.units[demand])[0].tolist():
        provider = int(market.provider[total.row[demand, line]])
        sold[provider] = sold.get(provider, 0) + int(total.units[demand, line])
    return list(sold.items())


def _take_all(market: AuctionArrays, total: Allocation, found: Allocation, demands: Ints) -> None:
    """Add to the allocation what the i-th demand of another one has to the demand i names."""
    for number, line in zip(*(part.tolist() for part in np.nonzero(found.units)), strict=True):
        row, units = int(found.row[number, line]), int(found.units[number, line])
        take(market, total, int(demands[number]), row, units)


def _lines(fills: Allocation) -> list[list[tuple[int, int]]]:
    lines: list[list[tuple[int, int]]] = [[] for _ in fills.got]
    demands, places = np.nonzero(fills.units)
    rows, units = fills.row[demands, places], fills.units[demands, places]
    for place in np.lexsort((rows, demands)).tolist():
        lines[demands[place]].append((int(rows[place]), int(units[place])))
    return lines
