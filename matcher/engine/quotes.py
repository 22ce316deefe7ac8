"""Quote a requirement without creating anything, and show the depth of the book."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kernel.addresses import ZERO_ADDRESS
from matcher.engine.book import Book
from matcher.engine.single import match_one
from matcher.engine.values import Ask, Demand, Match, Peer


@dataclass(frozen=True, slots=True)
class Quote:
    """`units` would cost `total` in a whole epoch, the dearest of them `price_max`."""

    units: int
    total: int
    price_max: int


@dataclass(frozen=True, slots=True)
class Level:
    """Free units at one ask price."""

    price: int
    peers: int
    units: int


@dataclass(frozen=True, slots=True)
class Depth:
    """What one region sells, cheapest first."""

    region: int
    peers: int
    units: int
    levels: tuple[Level, ...]


def quote(demand: Demand, book: Book) -> tuple[Quote, ...]:
    """Return the price curve up to the demand's units: a point where each further ask begins.

    Each point is the cheapest way to have just so many units. Nothing when the minimums cannot
    be kept.
    """
    most = match_one(demand, book)
    steps: list[int] = []
    for fill in most.fills:
        steps.append((steps[-1] if steps else 0) + fill.units)
    offer = demand.offer
    points: list[Quote] = []
    for units in steps:
        if demand.is_first and units < offer.min_units:
            continue
        smaller = replace(demand, offer=replace(offer, units=units))
        match = most if units == most.units else match_one(smaller, book)
        if match.units == units:
            points.append(_quote(match))
    return tuple(points)


def depth(
    book: Book, *, region: int | None = None, traits: int = 0, levels: int = 20
) -> tuple[Depth, ...]:
    """Return the public free units by region: totals and the cheapest `levels` prices of each."""

    def counts(ask: Ask, peer: Peer) -> bool:
        return (
            ask.offer.developer == ZERO_ADDRESS
            and peer.free > 0
            and peer.traits & traits == traits
            and region in (None, peer.region)
        )

    by_region: dict[int, list[tuple[int, int]]] = {}
    for price, peer in _cheapest(book, counts):
        by_region.setdefault(peer.region, []).append((price, peer.free))
    return tuple(
        Depth(number, len(rows), sum(units for _, units in rows), _levels(rows)[:levels])
        for number, rows in sorted(by_region.items())
    )


def _cheapest(book: Book, counts: Callable[[Ask, Peer], bool]) -> list[tuple[int, Peer]]:
    seen: set[int] = set()
    found: list[tuple[int, Peer]] = []
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if peer is not None and peer.id not in seen and counts(ask, peer):
            seen.add(peer.id)
            found.append((ask.offer.price, peer))
    return found


def _levels(rows: list[tuple[int, int]]) -> tuple[Level, ...]:
    prices = sorted({price for price, _ in rows})
    return tuple(
        Level(
            price,
            sum(1 for at, _ in rows if at == price),
            sum(units for at, units in rows if at == price),
        )
        for price in prices
    )


def _quote(match: Match) -> Quote:
    price_max = max(fill.ask.offer.price for fill in match.fills)
    return Quote(match.units, match.total, price_max)
