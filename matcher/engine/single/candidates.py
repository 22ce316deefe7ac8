"""What a demand may choose from, and within which limits; and the plain cheapest-first fill."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from matcher.engine.index.filters import Filter, build_filter
from matcher.engine.index.layout import I64, T_SEQUENCE
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.scan import S_SLOT
from matcher.engine.rules import count_live
from matcher.engine.single.pruning import prune_by_lines, prune_by_units
from matcher.engine.values import MAX_FILLS, MAX_LIVE, NO_CAP, Demand, DemandLimits
from wasmarket.kernel.units import Address

MOST = 4_096
"""A demand chooses from no more asks than this when cheapest first does not do."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The cheapest eligible ask of one peer. `rank` orders by time of arrival, then hash."""

    rank: int
    slot: int
    price: int
    units: int
    provider: Address
    region: int


Plan = tuple[tuple[Candidate, int], ...]
"""Candidates with the units taken from each, at least one each."""


def plan_key(plan: Plan) -> tuple[int, int, int]:
    """Say how good a plan is: more units first, then cheaper, then earlier asks."""
    return (
        sum(units for _, units in plan),
        -sum(units * entry.price for entry, units in plan),
        -sum(units * entry.rank for entry, units in plan),
    )


def limits_of(demand: Demand, book: OrderBook) -> DemandLimits:
    """Return the limits for one match of the demand."""
    tally = count_live(demand, book)
    return DemandLimits(
        want=demand.want,
        budget=demand.budget,
        fills=min(MAX_FILLS, MAX_LIVE - tally.live),
        regions=demand.offer.min_regions if demand.is_first else 0,
        cap=demand.offer.max_units_per_provider or NO_CAP,
        sold=tally.per_provider,
    )


def candidates_by_units(book: OrderBook, filter: Filter) -> list[Candidate]:
    """Return all that the best plan of any number of fills may need, cheapest first."""
    return read_candidates(book, prune_by_units(book.columns, filter, MOST))


def candidates_by_lines(book: OrderBook, filter: Filter, limits: DemandLimits) -> list[Candidate]:
    """Return all that the best plan of `limits.fills` fills may need, cheapest first."""
    by_region = limits.regions > 0
    return read_candidates(
        book, prune_by_lines(book.columns, filter, limits.fills, by_region, MOST)
    )


def candidates(
    demand: Demand, book: OrderBook, limits: DemandLimits, taken: Mapping[int, int] | None = None
) -> list[Candidate]:
    """Return what the best plan within the limits may need, cheapest first, ranked by arrival."""
    return candidates_by_lines(
        book, build_filter(demand, book.storage, limits, taken, book.excluded), limits
    )


def read_candidates(book: OrderBook, found: I64) -> list[Candidate]:
    """Return rows of a scan as candidates, in their order."""
    c, slots = book.columns, found[:, S_SLOT]
    words = [c.words[slots, place] for place in (3, 2, 1, 0)]
    ranks = np.empty(len(slots), np.int64)
    ranks[np.lexsort((*words, c.terms[slots, T_SEQUENCE]))] = np.arange(len(slots))
    return [
        Candidate(rank, slot, price, units, book.account_at(provider), region)
        for rank, (slot, _, provider, region, price, units) in zip(
            ranks.tolist(), found.tolist(), strict=True
        )
    ]


def fill_cheapest(entries: Iterable[Candidate], limits: DemandLimits) -> Plan:
    """Take the cheapest units under all limits but the number of fills and regions.

    `entries` come cheapest first. No other choice has more units, or as many for less: under
    caps by peer and provider alone, cheapest first is optimal for every number of units at once.
    """
    want, budget = limits.want, limits.budget
    left: dict[Address, int] = {}
    plan: list[tuple[Candidate, int]] = []
    for entry in entries:
        if not want or entry.price > budget:
            break
        room = left.get(entry.provider, limits.room(entry.provider))
        units = min(want, room, entry.units, budget // entry.price)
        if units:
            plan.append((entry, units))
            want -= units
            budget -= units * entry.price
            left[entry.provider] = room - units
    return tuple(plan)
