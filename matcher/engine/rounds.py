"""Match several demands over one book: highest bid first, with a proven bound beside the result.

All-or-nothing minimums make the best round hard to find. Serving the highest bid first is close to
it in practice; how close is published with every round, as a gap to what no round could exceed.
"""

from collections.abc import Iterable

from matcher.engine.book import Book
from matcher.engine.single import match_one
from matcher.engine.values import Demand, Match, Round


def match_round(demands: Iterable[Demand], book: Book) -> Round:
    """Match all demands; one that comes later gets what those before it left.

    The order is: higher bid, earlier offer, hash; the order of `demands` does not matter.
    """
    ordered = sorted(demands, key=lambda d: (-d.offer.max_price, d.sequence, d.hash))
    taken: dict[int, int] = {}
    matches: list[Match] = []
    alone: list[Match] = []
    for demand in ordered:
        best = match_one(demand, book)
        match = match_one(demand, book, taken) if taken else best
        for fill in match.fills:
            peer = fill.ask.offer.peer
            taken[peer] = taken.get(peer, 0) + fill.units
        matches.append(match)
        alone.append(best)
    bound = min(sum(match.bound for match in alone), bound_by_sides(ordered, book))
    return Round(tuple(matches), bound)


def bound_by_sides(demands: Iterable[Demand], book: Book) -> int:
    """Bound a round's saving by pairing the highest bids with the cheapest units, whoever they are.

    n units cannot bring more than the n highest bids nor cost less than the n cheapest units.
    """
    bids = sorted(((d.offer.max_price, d.want) for d in demands), reverse=True)
    asks: list[tuple[int, int]] = []
    seen: set[int] = set()
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if peer is not None and peer.free and peer.id not in seen:
            seen.add(peer.id)
            asks.append((ask.offer.price, peer.free))
    saving, place, left = 0, 0, asks[0][1] if asks else 0
    for bid, want in bids:
        missing = want
        while missing and place < len(asks) and asks[place][0] < bid:
            units = min(missing, left)
            saving += units * (bid - asks[place][0])
            missing -= units
            left -= units
            if not left:
                place += 1
                left = asks[place][1] if place < len(asks) else 0
    return saving
