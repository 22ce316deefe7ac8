"""Market's rule for fills (CONTRACTS section 6, `match` step 4), word for word.

The contract decides; this says beforehand what it will say, with the same numbers.
"""

from dataclasses import dataclass, field

from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import MAX_LIVE, NO_CAP, PRICE_BELOW, Ask, Demand, Fill, Peer
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.reasons import FillReason
from wasmarket.kernel.signing.offers import DeveloperOffer, ProvidersMode
from wasmarket.kernel.units import Address


@dataclass(slots=True)
class Tally:
    """What is alive in a deal while fill after fill is added; `taken` are new units by peer."""

    units: int = 0
    cost: int = 0
    live: int = 0
    per_provider: dict[Address, int] = field(default_factory=dict)
    regions: set[int] = field(default_factory=set)
    taken: dict[int, int] = field(default_factory=dict)

    def count(self, peer: Peer, units: int, price: int) -> None:
        """Count units of a peer that are, or become, part of the deal."""
        self.units += units
        self.cost += units * price
        self.live += 1
        self.per_provider[peer.provider] = self.per_provider.get(peer.provider, 0) + units
        self.regions.add(peer.region)


def count_live(demand: Demand, book: OrderBook) -> Tally:
    """Tally what is alive in the demand's deal. A peer that the book does not know counts too."""
    tally = Tally()
    for entry in demand.live:
        peer = book.get_peer(entry.peer)
        tally.count(peer or Peer(entry.peer, ZERO_ADDRESS, 0, 0, 0, 0, 0), entry.units, entry.price)
    return tally


def judge(
    demand: Demand, fill: Fill, book: OrderBook, tally: Tally
) -> tuple[FillReason | None, int]:
    """Return the first reason against a fill, or None and the units that it gets."""
    ask, peer = fill.ask, book.get_peer(fill.ask.offer.peer)
    if peer is None:
        return FillReason.NO_PEER, 0
    if ask.offer.kind != demand.kind:
        return FillReason.KIND, 0
    reason = _judge_ask(demand.offer, ask, peer, book) or _judge_peer(demand.offer, peer)
    if reason is not None:
        return reason, 0
    if tally.live >= MAX_LIVE:
        return FillReason.DEAL_FULL, 0
    units = min(
        fill.units,
        demand.offer.units - tally.units,
        peer.free - tally.taken.get(peer.id, 0),
        (demand.offer.max_units_per_provider or NO_CAP) - tally.per_provider.get(peer.provider, 0),
        # Rounds down: whole units that the balance pays for in one more epoch.
        (demand.balance - tally.cost) // ask.offer.price,
    )
    if units <= 0:
        return FillReason.NO_UNITS, 0
    last = FillReason.CANCELLED if ask.cancelled else None if ask.holds else FillReason.SIGNATURE
    return last, 0 if last else units


def why(demand: Demand, fill: Fill, book: OrderBook) -> int:
    """Return the reason that `match` would report for this fill alone; 0 if it is accepted."""
    return judge(demand, fill, book, count_live(demand, book))[0] or 0


def is_eligible(offer: DeveloperOffer, ask: Ask, peer: Peer, book: OrderBook) -> bool:
    """Whether nothing but the amounts (reasons 10 and 11) can stand against the ask."""
    return (
        ask.offer.kind == offer.kind
        and _judge_ask(offer, ask, peer, book) is None
        and _judge_peer(offer, peer) is None
        and ask.holds
        and not ask.cancelled
    )


def is_accepted(demand: Demand, fills: tuple[Fill, ...], book: OrderBook) -> bool:
    """Whether Market would accept these fills whole, each of them, minimums included."""
    tally = count_live(demand, book)
    for fill in fills:
        reason, units = judge(demand, fill, book, tally)
        peer = book.get_peer(fill.ask.offer.peer)
        if reason is not None or peer is None or units != fill.units:
            return False
        tally.count(peer, units, fill.ask.offer.price)
        tally.taken[peer.id] = tally.taken.get(peer.id, 0) + units
    offer = demand.offer
    enough = tally.units >= offer.min_units and len(tally.regions) >= offer.min_regions
    return bool(fills) and (enough or not demand.is_first)


def _judge_ask(offer: DeveloperOffer, ask: Ask, peer: Peer, book: OrderBook) -> FillReason | None:
    terms = ask.offer
    if terms.price == 0 or terms.price > offer.max_price or terms.price >= PRICE_BELOW:
        return FillReason.PRICE
    if book.now > terms.valid_until:
        return FillReason.EXPIRED
    if terms.counter != book.get_counter(peer.provider):
        return FillReason.COUNTER
    if terms.developer not in (ZERO_ADDRESS, offer.developer):
        return FillReason.PRIVATE
    return None


def _judge_peer(offer: DeveloperOffer, peer: Peer) -> FillReason | None:
    if peer.memory_mib < offer.min_memory_mib:
        return FillReason.MEMORY
    if offer.regions and not offer.regions >> peer.region & 1:
        return FillReason.REGION
    if peer.traits & offer.traits != offer.traits:
        return FillReason.TRAITS
    listed = peer.provider in offer.providers
    if (offer.providers_mode == ProvidersMode.ONLY and not listed) or (
        offer.providers_mode == ProvidersMode.EXCEPT and listed
    ):
        return FillReason.PROVIDER_LIST
    return None
