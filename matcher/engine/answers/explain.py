"""Say why an offer does not fill: what each limit excludes alone, as the last, and together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from matcher.engine.answers.measured import describe_measured
from matcher.engine.answers.relaxations import Relaxation, find_relaxations
from matcher.engine.answers.wish_relaxations import relax_wish
from matcher.engine.facts import WISHED
from matcher.engine.index.filters import F_BUDGET, build_filter
from matcher.engine.index.layout import I64, LAST
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.supply import (
    CAPACITY,
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
from matcher.engine.values import Demand, DemandLimits
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
        judged[:, J_FAILS] |= fails[judged[:, J_PEER]]
    by_balance = int(wanted.numbers[F_BUDGET])
    by_wish = min(limits.budget, LAST)

    def list_units(bits: int) -> tuple[I64, int]:
        bounds = [LAST]
        if bits >> CONSTRAINTS.index("balance") & 1:
            bounds.append(by_balance)
        if BUDGET in names and bits >> names.index(BUDGET) & 1:
            bounds.append(by_wish)
        return list_supply(book.columns, wanted, judged, bits, min(bounds))

    def less(before: int, after: int) -> Supply:
        (had, units), (left, fewer) = list_units(before), list_units(after)
        gone = np.setdiff1d(judged[had, J_PEER], judged[left, J_PEER])
        return Supply(len(gone), units - fewer)

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
        regions = count_live(demand, book).regions
        reach = _Reach(demand, limits, names, regions, judged, list_units)
        together = _find_together([e.constraint for e in excluded if e.alone.units], units, reach)
    measured = describe_measured(demand.wish, book.storage, judged[:, J_PEER])
    return Explanation(demand.want, units, excluded, together, relaxations, measured)


def name_constraints(demand: Demand) -> tuple[str, ...]:
    """Return what may exclude peers of a demand: those of its wish only where it has any."""
    wished = WISHED if demand.wish.limits_peers else ()
    budget = () if demand.ceiling is None else (BUDGET,)
    return (*CONSTRAINTS, *wished, *budget)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Counts how many units a demand could have without some of its limits."""

    demand: Demand
    limits: DemandLimits
    names: tuple[str, ...]
    regions: set[int]
    judged: I64
    list_units: Callable[[int], tuple[I64, int]]

    def count(self, lifted: Sequence[str]) -> int:
        """Return the units that are within reach, 0 where a minimum is not."""
        bits = sum(1 << i for i, name in enumerate(self.names) if name not in lifted)
        lines, total = self.list_units(bits)
        units = min(total, self.demand.want)
        if LINES not in lifted:
            sizes = self.judged[lines, J_FREE if bits >> CAPACITY & 1 else J_UNITS]
            most = max(0, self.limits.fills)
            units = min(units, int(np.sort(sizes)[::-1][:most].sum()))
        offer = self.demand.offer
        if not self.demand.is_first:
            return units
        if "min_units" not in lifted and units < offer.min_units:
            return 0
        if "min_regions" not in lifted and self._count_regions(bits) < offer.min_regions:
            return 0
        return units

    def _count_regions(self, bits: int) -> int:
        """Count the regions of all that no constraint excludes, amounts of the others aside."""
        open_ = self.judged[:, J_FAILS] & bits == 0
        sizes = self.judged[:, J_FREE if bits >> CAPACITY & 1 else J_UNITS]
        return len(self.regions.union(self.judged[open_ & (sizes > 0), J_REGION].tolist()))


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
