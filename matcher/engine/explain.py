"""Say why an offer does not fill: what each constraint excludes, alone and as the last one."""

from collections.abc import Collection
from dataclasses import dataclass

from kernel.addresses import ZERO_ADDRESS
from kernel.offers import ProvidersMode
from kernel.units import Address
from matcher.engine.book import Book
from matcher.engine.candidates import limits_of
from matcher.engine.relaxations import Relaxation, find_relaxations
from matcher.engine.values import Ask, Demand, Peer

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
    everything = _supply(demand, book, ())
    remaining = _supply(demand, book, CONSTRAINTS)
    excluded = []
    for constraint in CONSTRAINTS:
        only = _supply(demand, book, (constraint,))
        without = _supply(demand, book, [c for c in CONSTRAINTS if c != constraint])
        excluded.append(Exclusion(constraint, _less(everything, only), _less(without, remaining)))
    units, relaxations = find_relaxations(demand, book)
    return Explanation(demand.want, units, tuple(excluded), relaxations)


def _less(before: Supply, after: Supply) -> Supply:
    return Supply(before.peers - after.peers, before.units - after.units)


def _supply(demand: Demand, book: Book, constraints: Collection[str]) -> Supply:
    """Count what is left for the demand under some of the constraints, however much it wants."""
    limits = limits_of(demand, book)
    budget = limits.budget
    left: dict[Address, int] = {}
    seen: set[int] = set()
    total = 0
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if peer is None or peer.id in seen or not _passes(demand, ask, peer, constraints):
            continue
        units = peer.free if "capacity" in constraints else peer.units
        if "max_units_per_provider" in constraints:
            units = min(units, left.get(peer.provider, limits.room(peer.provider)))
        if "balance" in constraints:
            units = min(units, budget // ask.offer.price)
        if units:
            seen.add(peer.id)
            total += units
            budget -= units * ask.offer.price
            left[peer.provider] = left.get(peer.provider, limits.room(peer.provider)) - units
    return Supply(len(seen), total)


def _passes(demand: Demand, ask: Ask, peer: Peer, constraints: Collection[str]) -> bool:
    offer = demand.offer
    listed = peer.provider in offer.providers
    fails = {
        "max_price": ask.offer.price > offer.max_price,
        "private": ask.offer.developer not in (ZERO_ADDRESS, offer.developer),
        "min_memory_mib": peer.memory_mib < offer.min_memory_mib,
        "regions": bool(offer.regions) and not offer.regions >> peer.region & 1,
        "traits": peer.traits & offer.traits != offer.traits,
        "providers": (offer.providers_mode == ProvidersMode.ONLY and not listed)
        or (offer.providers_mode == ProvidersMode.EXCEPT and listed),
        "gave_up": peer.id in demand.avoid,
    }
    return not any(failed for name, failed in fails.items() if name in constraints)
