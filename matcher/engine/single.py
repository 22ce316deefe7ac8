"""Match one demand: the cheapest feasible fills under every limit of both sides."""

from collections.abc import Mapping

from matcher.engine.book import Book
from matcher.engine.candidates import MOST, candidates_by_lines, candidates_by_units, limits_of
from matcher.engine.filters import Filter, build_filter
from matcher.engine.regions import fill_regions
from matcher.engine.scan import S_PRICE, S_REGION, S_SLOT, S_UNITS, scan_cheapest
from matcher.engine.search import Found, search
from matcher.engine.values import Demand, Fill, Limits, Match

Line = tuple[int, int, int]
"""Ask slot, units, price."""


def match_one(demand: Demand, book: Book, taken: Mapping[int, int] | None = None) -> Match:
    """Return the fills that give the most wanted units and of those the cheapest.

    Ties go to earlier asks, then by hash. `taken` are units by peer that others of the same round
    got before. No fills when the offer's minimums cannot be kept.
    """
    limits = limits_of(demand, book)
    if limits.want == 0 or limits.fills <= 0:
        return Match(demand, (), 0)
    wanted = build_filter(demand, book.storage, limits, taken)
    found = scan_cheapest(book.columns, wanted).tolist()
    lines = [(row[S_SLOT], row[S_UNITS], row[S_PRICE]) for row in found]
    # Cheapest first also saves the most of all choices that keep fewer limits than these.
    bound = sum((demand.offer.max_price - price) * units for _, units, price in lines)
    covers = len({row[S_REGION] for row in found}) >= limits.regions
    is_exact = True
    if not covers or len(lines) > limits.fills:
        lines, is_exact = _choose(book, wanted, limits, covers)
    if demand.is_first and sum(units for _, units, _ in lines) < demand.offer.min_units:
        lines = []
    return Match(
        demand,
        tuple(Fill(book.ask_at(slot), units) for slot, units, _ in lines),
        bound if lines or not is_exact else 0,
        is_exact,
    )


def _choose(book: Book, wanted: Filter, limits: Limits, covers: bool) -> tuple[list[Line], bool]:
    """Return the best lines when cheapest first breaks a limit, and whether they are proven so."""
    if not covers:
        entries = candidates_by_units(book, wanted)
        plan = fill_regions(entries, limits)
        if len(plan) <= limits.fills:
            return _lines(Found(plan, len(entries) < MOST)), len(entries) < MOST
    entries = candidates_by_lines(book, wanted, limits)
    found = search(entries, limits)
    return _lines(found), found.is_exact and len(entries) < MOST


def _lines(found: Found) -> list[Line]:
    """Return a plan's lines in book order: candidates come so, and a plan keeps their order."""
    return [(entry.slot, units, entry.price) for entry, units in found.plan]
