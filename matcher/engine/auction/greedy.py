"""The greedy baseline: one demand after the other, those first that count for most."""

from collections.abc import Iterable

from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.solve import match_one
from matcher.engine.values import Demand, Match, Round


def in_order(demands: Iterable[Demand]) -> list[Demand]:
    """Return the demands by higher weight, earlier offer, hash."""
    return sorted(demands, key=lambda d: (-d.weight, d.sequence, d.hash))


def match_greedily(demands: Iterable[Demand], book: OrderBook) -> Round:
    """Match demands one by one; whoever comes later gets what those before left.

    The bound is the sum of the surpluses that they would have if each were alone.
    """
    taken: dict[int, int] = {}
    matches: list[Match] = []
    bound = 0
    for demand in demands:
        alone = match_one(demand, book)
        match = match_one(demand, book, taken) if taken else alone
        bound += alone.bound
        for fill in match.fills:
            peer = fill.ask.offer.peer
            taken[peer] = taken.get(peer, 0) + fill.units
        matches.append(match)
    return Round(tuple(matches), bound)
