"""Say why an offer does not fill: what each constraint excludes, alone and as the last one."""

from dataclasses import dataclass

from matcher.engine.answers.relaxations import Relaxation, find_relaxations
from matcher.engine.index.filters import build_filter
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.supply import count_supply, judge_rows
from matcher.engine.single.candidates import limits_of
from matcher.engine.values import Demand

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
"""In the order of the bits of `supply`. Named after the member of the offer that they come from,
where there is one.

`private`: asks for other developers only. `gave_up`: peers that left or were dropped from the
deal lately, or were evicted. `capacity`: units in use. `balance`: what one epoch of
the fills may cost (the deposit before the first match).
"""


@dataclass(frozen=True, slots=True)
class Supply:
    """Peers and their units."""

    peers: int
    units: int


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a constraint takes away: from everything (`alone`), and after all others (`last`)."""

    constraint: str
    alone: Supply
    last: Supply


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a demand gets what it gets; `units` of `want` would be matched now."""

    want: int
    units: int
    excluded: tuple[Exclusion, ...]
    relaxations: tuple[Relaxation, ...]


def explain(demand: Demand, book: OrderBook) -> Explanation:
    """Explain what binds the demand and which smallest single changes would give it more."""
    wanted = build_filter(demand, book.storage, limits_of(demand, book))
    judged = judge_rows(book.columns, wanted, book.now)

    def count(bits: int) -> Supply:
        return Supply(*count_supply(book.columns, wanted, judged, bits))

    every = (1 << len(CONSTRAINTS)) - 1
    everything, remaining = count(0), count(every)
    excluded = tuple(
        Exclusion(
            constraint,
            _less(everything, count(1 << place)),
            _less(count(every ^ 1 << place), remaining),
        )
        for place, constraint in enumerate(CONSTRAINTS)
    )
    units, relaxations = find_relaxations(demand, book)
    return Explanation(demand.want, units, excluded, relaxations)


def _less(before: Supply, after: Supply) -> Supply:
    return Supply(before.peers - after.peers, before.units - after.units)
