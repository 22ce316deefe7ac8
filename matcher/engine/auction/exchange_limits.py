"""How many units a demand can take of an ask in exchange for those of a line: compiled."""

from matcher.engine.auction.allocation import count_regions, find_line, room_at
from matcher.engine.auction.arrays import Allocation, AuctionArrays
from matcher.engine.index.compiled import uncounted
from matcher.engine.values import MAX_FILLS

NEW = MAX_FILLS
"""Stands for the line that a demand lacks: it wants more units, and gives none up for them."""


@uncounted
def has_room(market: AuctionArrays, fills: Allocation, demand: int, row: int, line: int) -> bool:
    """Whether a cap or the number of lines lets the demand take a unit for one of a line."""
    if line == NEW:
        is_full = fills.lines[demand] >= market.fills[demand]
        if is_full and find_line(fills, demand, row) < 0:
            return False
    elif market.provider[fills.row[demand, line]] == market.provider[row]:
        return True
    return room_at(market, fills, demand, market.provider[row]) > 0


@uncounted
def swap_limit(
    market: AuctionArrays, fills: Allocation, demand: int, row: int, line: int, most: int
) -> int:
    """Return how many units the demand can take of an ask, at most `most`, for those of a line."""
    price, provider = market.price[row], market.provider[row]
    slack = market.budget[demand] - fills.spent[demand]
    needs_line = find_line(fills, demand, row) < 0
    is_full = fills.lines[demand] >= market.fills[demand]
    if line == NEW:
        most = min(most, market.want[demand] - fills.got[demand])
        most = min(most, room_at(market, fills, demand, provider), slack // price)
        return 0 if needs_line and is_full else most
    old = fills.row[demand, line]
    held = fills.units[demand, line]
    most = min(most, held)
    if market.provider[old] != provider:
        most = min(most, room_at(market, fills, demand, provider))
    if price > market.price[old]:
        most = min(most, slack // (price - market.price[old]))
    if most < held and needs_line and is_full:
        return 0
    if most == held and market.spread[demand] > 1:
        if needs_line and market.region[row] != market.region[old]:
            keeps = count_regions(market, fills, demand, line) >= market.spread[demand]
        else:
            keeps = market.region[row] == market.region[old] or (
                count_regions(market, fills, demand, line) >= market.spread[demand]
            )
        if not keeps:
            return 0
    return most


@uncounted
def drop_limit(market: AuctionArrays, fills: Allocation, demand: int, line: int) -> int:
    """Return how many units of a line the demand can do without."""
    units = fills.units[demand, line]
    least = market.least[demand]
    if least > 1 or market.spread[demand] > 1:
        units = min(units, fills.got[demand] - least)
        if (
            units == fills.units[demand, line]
            and market.spread[demand] > 1
            and count_regions(market, fills, demand, line) < market.spread[demand]
        ):
            units -= 1
    return int(max(units, 0))


@uncounted
def can_grow(market: AuctionArrays, fills: Allocation, demand: int) -> bool:
    """Whether the demand could do with one more unit."""
    is_placed = fills.got[demand] > 0 or (market.least[demand] <= 1 and market.spread[demand] <= 1)
    is_short = fills.got[demand] < market.want[demand]
    return bool(is_placed and is_short and fills.spent[demand] < market.budget[demand])
