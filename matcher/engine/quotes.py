"""Quote a requirement without creating anything, and show the depth of the book."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby

from kernel.addresses import ZERO_ADDRESS
from matcher.engine.book import Book
from matcher.engine.candidates import limits_of
from matcher.engine.filters import build_filter
from matcher.engine.scan import S_PRICE, S_REGION, S_UNITS, scan_cheapest
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
    limits = limits_of(demand, book)
    if limits.want == 0 or limits.fills <= 0:
        return ()
    wanted = build_filter(demand, book.storage, limits, None)
    rows: list[list[int]] = scan_cheapest(book.columns, wanted).tolist()
    regions = {row[S_REGION] for row in rows}
    if len(regions) < limits.regions:
        return _quote_each(demand, book)
    points = _quote_prefixes(demand, book, rows[: limits.fills], limits.regions)
    if len(rows) <= limits.fills:
        return points
    # With more lines than a match may have, larger peers must stand in for small cheap ones.
    most = match_one(demand, book)
    beyond = most.units > (points[-1].units if points else 0)
    return (*points, _quote(most)) if beyond else points


def _quote_prefixes(
    demand: Demand, book: Book, rows: list[list[int]], regions: int
) -> tuple[Quote, ...]:
    """Quote what cheapest first takes: fewer units are a beginning of it, if regions allow."""
    points: list[Quote] = []
    units = total = 0
    seen: set[int] = set()
    for row in rows:
        units += row[S_UNITS]
        total += row[S_UNITS] * row[S_PRICE]
        seen.add(row[S_REGION])
        if demand.is_first and units < demand.offer.min_units:
            continue
        if len(seen) >= regions:
            points.append(Quote(units, total, row[S_PRICE]))
        else:
            points += _quote_units(demand, book, units)
    return tuple(points)


def _quote_each(demand: Demand, book: Book) -> tuple[Quote, ...]:
    """Match each number of units anew: when cheapest first reaches too few regions, the choice
    of few is no beginning of the choice of many."""
    most = match_one(demand, book)
    points: list[Quote] = []
    units = 0
    for fill in most.fills:
        units += fill.units
        if units == most.units:
            points.append(_quote(most))
        elif not demand.is_first or units >= demand.offer.min_units:
            points += _quote_units(demand, book, units)
    return tuple(points)


def _quote_units(demand: Demand, book: Book, units: int) -> list[Quote]:
    match = match_one(replace(demand, offer=replace(demand.offer, units=units)), book)
    return [_quote(match)] if match.fills and match.units == units else []


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
        Depth(number, len(rows), sum(units for _, units in rows), _levels(rows, levels))
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


def _levels(rows: list[tuple[int, int]], most: int) -> tuple[Level, ...]:
    """Group rows that come cheapest first by price."""
    found: list[Level] = []
    for price, group in groupby(rows, key=lambda row: row[0]):
        if len(found) == most:
            break
        units = [units for _, units in group]
        found.append(Level(price, len(units), sum(units)))
    return tuple(found)


def _quote(match: Match) -> Quote:
    price_max = max(fill.ask.offer.price for fill in match.fills)
    return Quote(match.units, match.total, price_max)
