"""Match one demand: the cheapest feasible fills under every limit of both sides."""

from collections.abc import Mapping
from dataclasses import dataclass

from matcher.engine.index.filters import F_PRICE, Filter, build_filter, up_to
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.scan import S_PRICE, S_REGION, S_SLOT, S_UNITS, scan_cheapest
from matcher.engine.single.branch_and_bound import search
from matcher.engine.single.candidates import (
    MOST,
    Plan,
    candidates_by_lines,
    candidates_by_units,
    limits_of,
)
from matcher.engine.single.regions import fill_exactly, fill_regions
from matcher.engine.values import Demand, DemandLimits, Fill, Match

Line = tuple[int, int, int]
"""Ask slot, units, price."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a match would take, in book order; `bound` and `is_exact` are those of the match."""

    lines: list[Line]
    bound: int
    is_exact: bool

    @property
    def units(self) -> int:
        """How many units they are."""
        return sum(units for _, units, _ in self.lines)

    @property
    def total(self) -> int:
        """What they cost in a whole epoch."""
        return sum(units * price for _, units, price in self.lines)

    @property
    def dearest(self) -> int:
        """The highest price among them; 0 for none."""
        return self.lines[-1][2] if self.lines else 0


NOTHING = Lines([], 0, True)


def match_one(demand: Demand, book: OrderBook, taken: Mapping[int, int] | None = None) -> Match:
    """Return the fills that give the most wanted units and of those the cheapest.

    Ties go to earlier asks, then by hash. `taken` are units by peer that others of the same round
    got before. No fills when the offer's minimums cannot be kept.
    """
    found = find_lines(demand, book, taken)
    fills = tuple(Fill(book.ask_at(slot), units) for slot, units, _ in found.lines)
    return Match(demand, fills, found.bound, found.is_exact)


def find_lines(demand: Demand, book: OrderBook, taken: Mapping[int, int] | None = None) -> Lines:
    """Return what `match_one` would, without making the asks."""
    limits = limits_of(demand, book)
    if limits.want == 0 or limits.fills <= 0:
        return NOTHING
    wanted = build_filter(demand, book.storage, limits, taken, book.excluded)
    found = scan_cheapest(book.columns, wanted).tolist()
    lines = [(row[S_SLOT], row[S_UNITS], row[S_PRICE]) for row in found]
    # Cheapest first also has the largest surplus of all choices that keep fewer limits than these.
    weight = demand.weight
    bound = sum(max(0, weight - price) * units for _, units, price in lines)
    covers = len({row[S_REGION] for row in found}) >= limits.regions
    is_exact = True
    if not covers or len(lines) > limits.fills:
        lines, is_exact = _choose(book, wanted, limits, lines, covers)
    if demand.is_first and sum(units for _, units, _ in lines) < demand.offer.min_units:
        lines = []
    return Lines(lines, bound if lines or not is_exact else 0, is_exact)


def _choose(
    book: OrderBook, wanted: Filter, limits: DemandLimits, cheapest: list[Line], covers: bool
) -> tuple[list[Line], bool]:
    """Return the best lines when cheapest first breaks a limit, and whether they are proven so."""
    if not covers:
        plan, is_exact = _cover(book, wanted, limits, cheapest)
        if len(plan) <= limits.fills:
            return _lines(plan), is_exact
    entries = candidates_by_lines(book, wanted, limits)
    found = search(entries, limits)
    return _lines(found.plan), found.is_exact and len(entries) < MOST


def _cover(
    book: OrderBook, wanted: Filter, limits: DemandLimits, cheapest: list[Line]
) -> tuple[Plan, bool]:
    """Return the best plan of any number of fills that covers the regions; whether it is proven.

    Looks at cheap asks first: a plan with one dearer than what that leaves for the last unit,
    beside the cheapest others, costs more.
    """
    units, dearest = sum(line[1] for line in cheapest), cheapest[-1][2] if cheapest else 0
    others = sum(n * price for _, n, price in cheapest) - dearest
    for reach in (dearest + dearest // 8, 2 * dearest) if units == limits.want else ():
        entries = candidates_by_units(book, up_to(wanted, reach))
        plan = fill_exactly(entries, limits, units)
        if plan:
            wanted = up_to(wanted, sum(n * entry.price for entry, n in plan) - others)
            if wanted.numbers[F_PRICE] <= reach and len(entries) < MOST:
                return plan, True
            break
    entries = candidates_by_units(book, wanted)
    return fill_regions(entries, limits), len(entries) < MOST


def _lines(plan: Plan) -> list[Line]:
    """Return a plan's lines in book order: candidates come so, and a plan keeps their order."""
    return [(entry.slot, units, entry.price) for entry, units in plan]
