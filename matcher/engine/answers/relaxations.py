"""Find the smallest single changes of an offer that would give it (more) units.

Every suggestion was tried: it names the units that the engine really gives after the change.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.solve import Lines, find_lines
from matcher.engine.values import PRICE_BELOW, Demand
from wasmarket.kernel.signing.offers import MAX_PROVIDERS, DeveloperOffer, ProvidersMode
from wasmarket.kernel.units import Address

DEPOSIT_BELOW = 2**64
MEMORY_BELOW = 2**32
MOST_OPTIONS = 64
MOST_ROWS = 1_024
SHOWN_PER_FIELD = 3


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One member of the offer or the wish changed; the match would have `units`, none above
    `price`. `peers`: how many more peers a changed wish would let in, None for an offer's."""

    field: str
    before: int | tuple[str, ...]
    after: int | tuple[str, ...]
    units: int
    price: int
    peers: int | None = None


@dataclass(frozen=True, slots=True)
class _Trial:
    """Tries changes of one demand."""

    demand: Demand
    book: OrderBook
    units: int

    def match(self, offer: DeveloperOffer) -> Lines:
        demand = replace(self.demand, offer=offer)
        if self.demand.is_first:
            demand = replace(demand, balance=offer.deposit)
        return find_lines(demand, self.book)


def find_relaxations(demand: Demand, book: OrderBook) -> tuple[int, tuple[Relaxation, ...]]:
    """Return the units that the demand gets as it is, and the changes that give more."""
    now = find_lines(demand, book).units
    trial = _Trial(demand, book, now)
    if now == demand.want:
        return now, ()
    found = [*_by_amount(trial), *_by_choice(trial), *_by_money(trial)]
    return now, tuple(sorted(found, key=lambda r: -r.units))


def _by_amount(trial: _Trial) -> Iterator[Relaxation]:
    """Relax what is a number: the further it moves, the more fits, so halving finds the least."""
    offer = trial.demand.offer
    ladders: list[tuple[str, range]] = [
        ("max_price", range(offer.max_price + 1, PRICE_BELOW)),
        ("min_memory_mib", range(min(offer.min_memory_mib, MEMORY_BELOW) - 1, -1, -1)),
    ]
    if offer.max_units_per_provider:
        ladders.append(
            ("max_units_per_provider", range(offer.max_units_per_provider + 1, offer.units + 1))
        )
    if trial.demand.is_first:
        ladders.append(("min_regions", range(min(offer.min_regions, 257) - 1, -1, -1)))
        ladders.append(("min_units", range(offer.min_units - 1, 0, -1)))
    for field, ladder in ladders:
        yield from _climb(trial, field, ladder)


def _climb(trial: _Trial, field: str, ladder: range) -> Iterator[Relaxation]:
    """Yield the least step that gives all that the ladder can, and the least that gives any."""
    if not ladder:
        return
    offer = trial.demand.offer

    def change(step: int) -> tuple[int, Lines]:
        return ladder[step], trial.match(_with(offer, field, ladder[step]))

    last, found = len(ladder) - 1, change(len(ladder) - 1)[1]
    most = found.units
    if most <= trial.units:
        return
    if field == "max_price" and found.dearest in ladder:
        # Nothing dearer is taken at any price.
        last = ladder.index(found.dearest)
    targets = {most} if trial.units else {1, most}
    places = sorted({_least(change, last, target) for target in targets})
    for place in places:
        value, match = change(place)
        yield _relaxation(field, getattr(offer, field), value, match)


def _least(change: Callable[[int], tuple[int, Lines]], high: int, target: int) -> int:
    """Return the first place from which on there are `target` units; at `high` there are."""
    low = 0
    while low < high:
        middle = (low + high) // 2
        enough = change(middle)[1].units >= target
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def _by_choice(trial: _Trial) -> Iterator[Relaxation]:
    """Relax what is a set, by one element at a time."""
    offer, book = trial.demand.offer, trial.book
    if offer.regions:
        missing = [region for region in book.regions() if not offer.regions >> region & 1]
        yield from _try_each(trial, "regions", [offer.regions | 1 << r for r in missing])
    wished = [bit for bit in range(offer.traits.bit_length()) if offer.traits >> bit & 1]
    yield from _try_each(trial, "traits", [offer.traits ^ 1 << bit for bit in wished])
    if offer.providers_mode == ProvidersMode.EXCEPT:
        shorter = [tuple(p for p in offer.providers if p != gone) for gone in offer.providers]
        yield from _try_each(trial, "providers", shorter)
    if offer.providers_mode == ProvidersMode.ONLY and len(offer.providers) < MAX_PROVIDERS:
        others = _others(trial)
        yield from _try_each(trial, "providers", [(*offer.providers, other) for other in others])


def _others(trial: _Trial) -> Sequence[Address]:
    """Return the providers that are not listed, the cheapest that would fit first."""
    book = trial.book
    offer = replace(trial.demand.offer, providers_mode=ProvidersMode.ANY)
    rows = book.feasible(replace(trial.demand, offer=offer), most=MOST_ROWS)
    slots = dict.fromkeys(book.rows().provider[rows].tolist())
    accounts = [book.account_at(slot) for slot in slots]
    return [account for account in accounts if account not in offer.providers]


def _try_each(
    trial: _Trial, field: str, options: Sequence[int] | Sequence[tuple[str, ...]]
) -> Iterator[Relaxation]:
    offer = trial.demand.offer
    before = getattr(offer, field)
    tried = (
        _relaxation(field, before, option, trial.match(_with(offer, field, option)))
        for option in options[:MOST_OPTIONS]
    )
    better = [entry for entry in tried if entry.units > trial.units]
    yield from sorted(better, key=lambda entry: (-entry.units, entry.price))[:SHOWN_PER_FIELD]


def _by_money(trial: _Trial) -> Iterator[Relaxation]:
    """Relax the balance: the least that pays for all units it could have with any amount."""
    demand = trial.demand
    field = "deposit" if demand.is_first else "balance"
    committed = sum(entry.units * entry.price for entry in demand.live)
    unlimited = replace(demand, balance=DEPOSIT_BELOW)
    wanted = find_lines(unlimited, trial.book)
    needed = wanted.total * demand.reserve + committed
    if wanted.units > trial.units and demand.balance < needed < DEPOSIT_BELOW:
        match = find_lines(replace(demand, balance=needed), trial.book)
        yield _relaxation(field, demand.balance, needed, match)


def _with(offer: DeveloperOffer, field: str, value: object) -> DeveloperOffer:
    member: dict[str, Any] = {field: value}
    return replace(offer, **member)


def _relaxation(
    field: str, before: int | tuple[str, ...], after: int | tuple[str, ...], match: Lines
) -> Relaxation:
    return Relaxation(field, before, after, match.units, match.dearest)
