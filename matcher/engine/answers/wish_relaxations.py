"""Find the smallest single changes of a wish that would give an offer (more) units.

As for offers, every suggestion was tried. What is a number moves only to where some peer stands:
nothing between changes anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matcher.engine.answers.relaxations import (
    MOST_OPTIONS,
    SHOWN_PER_FIELD,
    Relaxation,
)
from matcher.engine.index.layout import P_KNOWN
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.wishes import judge_slots
from matcher.engine.single.solve import Lines, find_lines
from matcher.engine.values import Demand
from wasmarket.kernel.selection.values import ANY
from wasmarket.kernel.selection.wishes import MONTH_SECONDS, NO_WISH, Wish


@dataclass(frozen=True, slots=True)
class _Trial:
    """Tries changes of one demand's wish."""

    demand: Demand
    book: OrderBook
    units: int

    def match(self, wish: Wish) -> Lines:
        return find_lines(replace(self.demand, wish=wish), self.book)

    def count_fit(self, wish: Wish) -> int:
        """Count the peers of the book that a wish does not exclude."""
        slots = self.book.peer_slots  # the storage may have more, of later books
        is_known = self.book.columns.peers[:slots, P_KNOWN] != 0
        return int(np.count_nonzero((judge_slots(self.book.storage, wish)[:slots] == 0) & is_known))

    def tell(self, field: str, value: Any, match: Lines) -> Relaxation:
        wish = self.demand.wish
        more = self.count_fit(_with(wish, field, value)) - self.count_fit(wish)
        before = getattr(wish, field)
        return Relaxation(field, before, value, match.units, match.dearest, more)


def relax_wish(demand: Demand, book: OrderBook, units: int) -> Iterator[Relaxation]:
    """Yield the changes of a demand's wish that give more than the `units` it gets now."""
    if demand.wish == NO_WISH:
        return
    trial = _Trial(demand, book, units)
    for field, ladder in _ladders(demand.wish, book):
        yield from _climb(trial, field, ladder)
    yield from _by_choice(trial)
    yield from _by_budget(trial)


def _ladders(wish: Wish, book: OrderBook) -> Iterator[tuple[str, list[int]]]:
    """Yield of each number that a wish has the values that let more peers in, nearest first."""
    facts = [known for _, known in book.storage.facts.items()]
    known = [entry.history for entry in facts if entry.history is not None]
    if wish.min_uptime_ppm:
        values = {entry.uptime_ppm or 0 for entry in known} | {0}
        yield "min_uptime_ppm", _below(values, wish.min_uptime_ppm)
    if wish.max_evictions != ANY:
        values = {entry.evictions for entry in known} | {ANY}
        yield "max_evictions", sorted(v for v in values if v > wish.max_evictions)
    if wish.min_age_epochs:
        values = {entry.age_epochs for entry in known} | {0}
        yield "min_age_epochs", _below(values, wish.min_age_epochs)
    if wish.min_speed:
        yield "min_speed", _below({entry.speed for entry in facts} | {0}, wish.min_speed)
    if wish.max_latency_ms:
        measured = {m.ms for entry in facts for m in entry.latencies if m.gateway == wish.gateway}
        yield "max_latency_ms", sorted(ms for ms in measured if ms > wish.max_latency_ms)


def _below(values: set[int], least: int) -> list[int]:
    return sorted((value for value in values if value < least), reverse=True)


def _climb(trial: _Trial, field: str, ladder: Sequence[int]) -> Iterator[Relaxation]:
    """Yield the least step that gives all that the ladder can, and the least that gives any."""
    if not ladder:
        return
    wish = trial.demand.wish

    def at(place: int) -> Lines:
        return trial.match(_with(wish, field, ladder[place]))

    most = at(len(ladder) - 1).units
    if most <= trial.units:
        return
    places = set()
    for target in {trial.units + 1, most}:
        low, high = 0, len(ladder) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if at(middle).units >= target else (middle + 1, high)
        places.add(low)
    for place in sorted(places):
        yield trial.tell(field, ladder[place], at(place))


def _by_choice(trial: _Trial) -> Iterator[Relaxation]:
    """Relax what is a set, by one element at a time."""
    wish = trial.demand.wish
    if wish.data_centers:
        known = {entry.site for _, entry in trial.book.storage.facts.items()} - {""}
        others = sorted(known - set(wish.data_centers))
        wider = [tuple(sorted((*wish.data_centers, other))) for other in others]
        yield from _try_each(trial, "data_centers", wider)
    fewer = [tuple(kept for kept in wish.claims if kept != gone) for gone in wish.claims]
    yield from _try_each(trial, "claims", fewer)


def _try_each(
    trial: _Trial, field: str, options: Sequence[tuple[str, ...]]
) -> Iterator[Relaxation]:
    tried = [
        (option, trial.match(_with(trial.demand.wish, field, option)))
        for option in options[:MOST_OPTIONS]
    ]
    better = [(option, match) for option, match in tried if match.units > trial.units]
    for option, match in sorted(better, key=lambda b: (-b[1].units, b[1].dearest))[
        :SHOWN_PER_FIELD
    ]:
        yield trial.tell(field, option, match)


def _by_budget(trial: _Trial) -> Iterator[Relaxation]:
    """Relax the budget: the least a month that pays for all units it could have with any."""
    demand = trial.demand
    field = "budget_per_month"
    if demand.ceiling is None or not demand.epoch_seconds:
        return
    wanted = trial.match(_with(demand.wish, field, 0))
    # Rounds up, as what it comes to in an epoch is rounded down.
    needed = -(-(wanted.total + demand.spent) * MONTH_SECONDS // demand.epoch_seconds)
    match = trial.match(_with(demand.wish, field, needed))
    if match.units > trial.units:
        yield trial.tell(field, needed, match)


def _with(wish: Wish, field: str, value: Any) -> Wish:
    member: dict[str, Any] = {field: value}
    return replace(wish, **member)
