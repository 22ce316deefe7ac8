"""Quote a requirement without creating anything, and show the depth of the book."""

from dataclasses import dataclass, replace

from matcher.engine.auction.preferences import match_alone
from matcher.engine.index.depth import sum_depth
from matcher.engine.index.filters import build_filter, build_public_filter
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.scan import S_PRICE, S_REGION, S_UNITS, scan_cheapest
from matcher.engine.single.candidates import limits_of
from matcher.engine.single.solve import match_one
from matcher.engine.values import Demand, Match


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


def quote(demand: Demand, book: OrderBook) -> tuple[Quote, ...]:
    """Return the price curve up to the demand's units: a point where each further ask begins.

    Each point is the cheapest way to have just so many units. Nothing when the minimums cannot
    be kept.
    """
    limits = limits_of(demand, book)
    if limits.want == 0 or limits.fills <= 0:
        return ()
    wanted = build_filter(demand, book.storage, limits, excluded=book.excluded)
    if demand.wish.provider_weights:
        return _quote_each(demand, book)
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
    demand: Demand, book: OrderBook, rows: list[list[int]], regions: int
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


def _quote_each(demand: Demand, book: OrderBook) -> tuple[Quote, ...]:
    """Match each number of units again: when cheapest first reaches too few regions, the choice
    of few is no beginning of the choice of many."""
    most = match_alone(demand, book)
    points: list[Quote] = []
    units = 0
    for fill in most.fills:
        units += fill.units
        if units == most.units:
            points.append(_quote(most))
        elif not demand.is_first or units >= demand.offer.min_units:
            points += _quote_units(demand, book, units)
    return tuple(points)


def _quote_units(demand: Demand, book: OrderBook, units: int) -> list[Quote]:
    match = match_alone(replace(demand, offer=replace(demand.offer, units=units)), book)
    return [_quote(match)] if match.fills and match.units == units else []


def depth(
    book: OrderBook, *, region: int | None = None, traits: int = 0, levels: int = 20
) -> tuple[Depth, ...]:
    """Return the public free units by region: totals and the cheapest `levels` prices of each."""
    found, prices = sum_depth(book.columns, build_public_filter(region, traits), levels)
    return tuple(
        Depth(
            number,
            peers,
            units,
            tuple(Level(*level) for level in prices[number, : min(count, levels)].tolist()),
        )
        for number, (peers, units, count) in enumerate(found.tolist())
        if peers
    )


def _quote(match: Match) -> Quote:
    price_max = max(fill.ask.offer.price for fill in match.fills)
    return Quote(match.units, match.total, price_max)
