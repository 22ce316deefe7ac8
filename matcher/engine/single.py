"""Match one demand: the cheapest feasible fills under every limit of both sides."""

from collections.abc import Mapping

from matcher.engine.book import Book
from matcher.engine.candidates import (
    Limits,
    Plan,
    candidates,
    fill_cheapest,
    limits_of,
    offered,
)
from matcher.engine.regions import fill_regions
from matcher.engine.search import Found, search
from matcher.engine.values import Demand, Fill, Match


def match_one(demand: Demand, book: Book, taken: Mapping[int, int] | None = None) -> Match:
    """Return the fills that give the most wanted units and of those the cheapest.

    Ties go to earlier asks, then by hash. `taken` are units by peer that others of the same round
    got before. No fills when the offer's minimums cannot be kept.
    """
    limits = limits_of(demand, book)
    if limits.want == 0 or limits.fills <= 0:
        return Match(demand, (), 0)
    taken = taken or {}
    cheapest = fill_cheapest(offered(demand, book, taken), limits)
    found = _choose(demand, book, taken, limits, cheapest)
    plan = sorted(found.plan, key=lambda line: line[0].ask.order)
    if demand.is_first and sum(units for _, units in plan) < demand.offer.min_units:
        plan = []
    # Cheapest first also saves the most of all choices that keep fewer limits than these.
    bound = sum((demand.offer.max_price - entry.price) * units for entry, units in cheapest)
    return Match(
        demand,
        tuple(Fill(entry.ask, units) for entry, units in plan),
        bound if plan or not found.is_exact else 0,
        found.is_exact,
    )


def _choose(
    demand: Demand, book: Book, taken: Mapping[int, int], limits: Limits, cheapest: Plan
) -> Found:
    covers = len({entry.region for entry, _ in cheapest}) >= limits.regions
    if covers and len(cheapest) <= limits.fills:
        return Found(cheapest, True)
    entries = candidates(demand, book, taken)
    plan = cheapest if covers else fill_regions(entries, limits)
    return Found(plan, True) if len(plan) <= limits.fills else search(entries, limits)
