"""What a demand may choose from, and within which limits; and the plain cheapest-first fill."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kernel.units import Address
from matcher.engine.book import Book
from matcher.engine.rules import count_live, is_eligible
from matcher.engine.values import MAX_FILLS, MAX_LIVE, NO_CAP, Ask, Demand, Peer


@dataclass(frozen=True, slots=True)
class Candidate:
    """The cheapest eligible ask of one peer. `rank` orders by time of arrival, then hash."""

    rank: int
    ask: Ask
    price: int
    units: int
    provider: Address
    region: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What all fills together must keep to.

    `want` units, `budget` per epoch, `fills` lines, at least `regions` distinct regions, and per
    provider `cap` less what it has `sold` to the deal already.
    """

    want: int
    budget: int
    fills: int
    regions: int
    cap: int
    sold: Mapping[Address, int]

    def room(self, provider: Address) -> int:
        """Return how many units may still come from a provider."""
        return max(0, self.cap - self.sold.get(provider, 0))


Plan = tuple[tuple[Candidate, int], ...]
"""Candidates with the units taken from each, at least one each."""


def plan_key(plan: Plan) -> tuple[int, int, int]:
    """Say how good a plan is: more units first, then cheaper, then earlier asks."""
    return (
        sum(units for _, units in plan),
        -sum(units * entry.price for entry, units in plan),
        -sum(units * entry.rank for entry, units in plan),
    )


def limits_of(demand: Demand, book: Book) -> Limits:
    """Return the limits for one match of the demand."""
    tally = count_live(demand, book)
    return Limits(
        want=demand.want,
        budget=demand.budget,
        fills=min(MAX_FILLS, MAX_LIVE - tally.live),
        regions=demand.offer.min_regions if demand.is_first else 0,
        cap=demand.offer.max_units_per_provider or NO_CAP,
        sold=tally.per_provider,
    )


def eligible(demand: Demand, book: Book, taken: Mapping[int, int]) -> Iterator[tuple[Ask, Peer]]:
    """Yield every peer's cheapest eligible ask, cheapest first, while it has units left.

    `taken` are units by peer that others got before in the same round.
    """
    seen: set[int] = set()
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if peer is None or peer.id in seen or peer.id in demand.avoid:
            continue
        if ask.offer.price > demand.offer.max_price:
            return
        if peer.free > taken.get(peer.id, 0) and is_eligible(demand.offer, ask, peer, book):
            seen.add(peer.id)
            yield ask, peer


def offered(demand: Demand, book: Book, taken: Mapping[int, int]) -> Iterator[Candidate]:
    """Yield the candidates one by one, cheapest first; their rank is their place in this order."""
    for rank, (ask, peer) in enumerate(eligible(demand, book, taken)):
        units = peer.free - taken.get(peer.id, 0)
        yield Candidate(rank, ask, ask.offer.price, units, peer.provider, peer.region)


def candidates(demand: Demand, book: Book, taken: Mapping[int, int]) -> list[Candidate]:
    """Return all that the demand may choose from, cheapest first, ranked by time of arrival."""
    entries = list(offered(demand, book, taken))
    by_age = sorted(entries, key=lambda entry: (entry.ask.sequence, entry.ask.hash))
    ranks = {entry.ask.hash: rank for rank, entry in enumerate(by_age)}
    return [replace(entry, rank=ranks[entry.ask.hash]) for entry in entries]


def fill_cheapest(entries: Iterable[Candidate], limits: Limits) -> Plan:
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
