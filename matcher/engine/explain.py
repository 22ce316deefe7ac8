"""Say why an offer does not fill: what each constraint excludes, alone and as the last one."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kernel.addresses import ZERO_ADDRESS
from kernel.offers import ProvidersMode
from kernel.units import Address
from matcher.engine.book import Book
from matcher.engine.candidates import limits_of
from matcher.engine.relaxations import Relaxation, find_relaxations
from matcher.engine.values import Demand, Peer

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
"""Named after the member of the offer that they come from, where there is one.

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


def explain(demand: Demand, book: Book) -> Explanation:
    """Explain what binds the demand and which smallest single changes would give it more."""
    lines = _judge_asks(demand, book)
    everything = _supply(demand, book, lines, ())
    remaining = _supply(demand, book, lines, CONSTRAINTS)
    excluded = []
    for constraint in CONSTRAINTS:
        only = _supply(demand, book, lines, (constraint,))
        others = [c for c in CONSTRAINTS if c != constraint]
        without = _supply(demand, book, lines, others)
        excluded.append(Exclusion(constraint, _less(everything, only), _less(without, remaining)))
    units, relaxations = find_relaxations(demand, book)
    return Explanation(demand.want, units, tuple(excluded), relaxations)


@dataclass(frozen=True, slots=True)
class _Line:
    """An ask and the constraints that it fails, as bits in the order of CONSTRAINTS."""

    price: int
    peer: Peer
    fails: int


def _judge_asks(demand: Demand, book: Book) -> list[_Line]:
    offer = demand.offer
    lines = []
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if peer is None:
            continue
        listed = peer.provider in offer.providers
        fails = (
            ask.offer.price > offer.max_price,
            ask.offer.developer not in (ZERO_ADDRESS, offer.developer),
            peer.memory_mib < offer.min_memory_mib,
            bool(offer.regions) and not offer.regions >> peer.region & 1,
            peer.traits & offer.traits != offer.traits,
            (offer.providers_mode == ProvidersMode.ONLY and not listed)
            or (offer.providers_mode == ProvidersMode.EXCEPT and listed),
            peer.id in demand.passed_over,
        )
        bits = sum(1 << place for place, failed in enumerate(fails) if failed)
        lines.append(_Line(ask.offer.price, peer, bits))
    return lines


def _less(before: Supply, after: Supply) -> Supply:
    return Supply(before.peers - after.peers, before.units - after.units)


def _supply(
    demand: Demand, book: Book, lines: Iterable[_Line], constraints: Collection[str]
) -> Supply:
    """Count what is left for the demand under some of the constraints, however much it wants."""
    bits = sum(1 << place for place, name in enumerate(CONSTRAINTS) if name in constraints)
    limits = limits_of(demand, book)
    budget = limits.budget
    left: dict[Address, int] = {}
    seen: set[int] = set()
    total = 0
    for line in lines:
        peer = line.peer
        if line.fails & bits or peer.id in seen:
            continue
        units = peer.free if "capacity" in constraints else peer.units
        if "max_units_per_provider" in constraints:
            units = min(units, left.get(peer.provider, limits.room(peer.provider)))
        if "balance" in constraints:
            units = min(units, budget // line.price)
        if units:
            seen.add(peer.id)
            total += units
            budget -= units * line.price
            left[peer.provider] = left.get(peer.provider, limits.room(peer.provider)) - units
    return Supply(len(seen), total)
