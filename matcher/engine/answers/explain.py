"""Say why an offer does not fill: what each limit excludes alone, as the last, and together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from matcher.engine.answers.measured import describe_measured
from matcher.engine.answers.relaxations import Relaxation, find_relaxations
from matcher.engine.answers.wish_relaxations import relax_wish
from matcher.engine.facts import WISHED
from matcher.engine.index.filters import F_BUDGET, Filter, build_filter
from matcher.engine.index.layout import I64, LAST, Bools, Columns
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.supply import (
    BY_CAPACITY,
    J_FAILS,
    J_FREE,
    J_PEER,
    J_REGION,
    J_UNITS,
    judge_rows,
    list_supply,
)
from matcher.engine.index.wishes import judge_slots
from matcher.engine.rules import count_live
from matcher.engine.single.candidates import limits_of
from matcher.engine.values import Demand
from wasmarket.kernel.selection.wishes import NO_WISH

CONSTRAINTS = (
    "max_price",
    "private",
    "min_memory_mib",
    "regions",
    "traits",
    "providers",
    "gave_up",
    "capacity",
    "max_units_per_provider",
    "balance",
)
"""In the order of the bits of `supply`; behind them come the limits of a wish, where there is one,
in the order of `facts.WISHED`, and its `budget_per_month`.

Named after the member of the offer that they come from, where there is one.

`private`: asks for other developers only. `gave_up`: peers that left or were dropped from the
deal lately, or were evicted. `capacity`: units in use. `balance`: what one epoch of
the fills may cost (the deposit before the first match).
"""

BUDGET = "budget_per_month"
MINIMUMS = ("min_units", "min_regions")
LINES = "lines"
"""So many peers may a match add at most, and a deal have."""

TRIES = 500
"""So many sets of limits are tried when a smallest one is looked for."""


@dataclass(frozen=True, slots=True)
class Supply:
    """Peers and their units."""

    peers: int
    units: int


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a constraint takes away: from everything (`alone`), and after all others (`last`).

    Peers are those that give nothing because of it, units those that cannot be had.
    """

    constraint: str
    alone: Supply
    last: Supply


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a demand gets what it gets; `units` of `want` would be matched now.

    `together` is a smallest set of limits that would all have to go for it to get more. It is
    empty when it has all it wants, or when even without any limit there are no more units.
    `measured` says whose measurements a wish for a latency goes by; empty without one.
    """

    want: int
    units: int
    excluded: tuple[Exclusion, ...]
    together: tuple[str, ...]
    relaxations: tuple[Relaxation, ...]
    measured: str = ""


def explain(demand: Demand, book: OrderBook) -> Explanation:
    """Explain what binds the demand and which smallest single changes would give it more."""
    limits = limits_of(demand, book)
    # Whom the wish excludes is told apart from those that gave the deal up.
    plain = replace(demand, wish=NO_WISH)
    wanted = build_filter(plain, book.storage, limits_of(plain, book), excluded=book.excluded)
    judged = judge_rows(book.columns, wanted, book.now)
    names = name_constraints(demand)
    if demand.wish.limits_peers:
        fails = judge_slots(book.storage, demand.wish) << len(CONSTRAINTS)
        judged[J_FAILS] |= fails[judged[J_PEER]]
    ceilings = {"balance": int(wanted.numbers[F_BUDGET]), BUDGET: min(limits.budget, LAST)}
    supplies = _Supplies(book.columns, wanted, judged, names, ceilings, limits.fills)

    def less(before: int, after: int) -> Supply:
        had, left = supplies.of(before), supplies.of(after)
        gone = np.count_nonzero(had.gives & ~left.gives)
        return Supply(int(gone), had.units - left.units)

    every = (1 << len(names)) - 1
    excluded = tuple(
        Exclusion(constraint, less(0, 1 << place), less(every ^ 1 << place, every))
        for place, constraint in enumerate(names)
    )
    units, found = find_relaxations(demand, book)
    more = relax_wish(demand, book, units) if units < demand.want else ()
    relaxations = tuple(sorted((*found, *more), key=lambda entry: -entry.units))
    together: tuple[str, ...] = ()
    if units < demand.want:
        reach = _Reach(demand, names, count_live(demand, book).regions, supplies)
        together = _find_together([e.constraint for e in excluded if e.alone.units], units, reach)
    measured = describe_measured(demand.wish, book.storage, judged[J_PEER])
    return Explanation(demand.want, units, excluded, together, relaxations, measured)


def name_constraints(demand: Demand) -> tuple[str, ...]:
    """Return what may exclude peers of a demand: those of its wish only where it has any."""
    wished = WISHED if demand.wish.limits_peers else ()
    budget = () if demand.ceiling is None else (BUDGET,)
    return (*CONSTRAINTS, *wished, *budget)


class _Supplied(NamedTuple):
    """What some limits leave: units in all, which peers give any by slot, and how many units those
    of them have that one match can add."""

    units: int
    gives: Bools
    in_lines: int


class _Supplies:
    """What is left under any of the limits, each set of them counted once."""

    def __init__(
        self,
        columns: Columns,
        wanted: Filter,
        judged: I64,
        names: Sequence[str],
        ceilings: Mapping[str, int],
        lines: int,
    ) -> None:
        """`ceilings` are the amounts of the limits that are of money, `lines` is how many peers
        one match can add."""
        self._columns, self._wanted, self._judged = columns, wanted, judged
        self._lines = max(0, lines)
        self._ceilings = [
            (1 << place, ceilings[name]) for place, name in enumerate(names) if name in ceilings
        ]
        self._known: dict[int, _Supplied] = {}

    def of(self, bits: int) -> _Supplied:
        """Return what the limits of these bits leave."""
        found = self._known.get(bits)
        if found is None:
            ceiling = min((most for bit, most in self._ceilings if bits & bit), default=LAST)
            asks, gives, units = list_supply(
                self._columns, self._wanted, self._judged, bits, ceiling
            )
            sizes = self._sizes(bits)[asks]
            if self._lines < len(sizes):
                sizes = np.partition(sizes, len(sizes) - self._lines - 1)
            in_lines = int(sizes[-self._lines :].sum()) if self._lines else 0
            found = self._known[bits] = _Supplied(int(units), gives, in_lines)
        return found

    def list_regions(self, bits: int) -> list[int]:
        """Return the regions of all that no constraint excludes, amounts of the others aside."""
        open_ = (self._judged[J_FAILS] & bits == 0) & (self._sizes(bits) > 0)
        found: list[int] = np.flatnonzero(np.bincount(self._judged[J_REGION, open_])).tolist()
        return found

    def _sizes(self, bits: int) -> I64:
        found: I64 = self._judged[J_FREE if bits >> BY_CAPACITY & 1 else J_UNITS]
        return found


@dataclass(frozen=True, slots=True)
class _Reach:
    """Counts how many units a demand could have without some of its limits."""

    demand: Demand
    names: tuple[str, ...]
    regions: set[int]
    supplies: _Supplies

    def count(self, lifted: Sequence[str]) -> int:
        """Return the units that are within reach, 0 where a minimum is not."""
        bits = sum(1 << i for i, name in enumerate(self.names) if name not in lifted)
        supplied = self.supplies.of(bits)
        units = min(supplied.units, self.demand.want)
        if LINES not in lifted:
            units = min(units, supplied.in_lines)
        offer = self.demand.offer
        if not self.demand.is_first:
            return units
        if "min_units" not in lifted and units < offer.min_units:
            return 0
        if offer.min_regions and "min_regions" not in lifted:
            regions = self.regions.union(self.supplies.list_regions(bits))
            return units if len(regions) >= offer.min_regions else 0
        return units


def _find_together(binding: Sequence[str], units: int, reach: _Reach) -> tuple[str, ...]:
    """Return a smallest set of limits without which more than `units` are within reach.

    After many tries, one from which no limit can be left out.
    """
    names = [*binding, *MINIMUMS, LINES]
    units = max(units, reach.count(()))
    if reach.count(names) <= units:
        return ()
    for number, chosen in enumerate(_subsets(names)):
        if number == TRIES:
            break
        if reach.count(chosen) > units:
            return chosen
    for name in reversed(names):
        without = [other for other in names if other != name]
        if reach.count(without) > units:
            names = without
    return tuple(names)


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield all sets of names, smaller ones first."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)
