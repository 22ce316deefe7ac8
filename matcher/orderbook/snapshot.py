"""Read from the store what the engine needs: the book and the demands as of one block."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import Demand, Live, Peer
from matcher.orderbook.bulk_read import read_books
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.reasons import EndKind
from wasmarket.kernel.selection.wishes import NO_WISH
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.departures import Departure, fetch_departures, fetch_evictions
from wasmarket.store.chain.peers import fetch_peers
from wasmarket.store.chain.state import batches, fetch_indexed, fetch_paused
from wasmarket.store.database import Session
from wasmarket.store.matching.live_offers import fetch_open_developer_offers
from wasmarket.store.matching.peer_checks import fetch_unreachable_peers
from wasmarket.store.matching.views import OpenOffer, StoredDeveloperOffer
from wasmarket.store.views import DealView, Indexed, PeerView

AVOID_EPOCHS = 10
"""So long a peer that left a deal does not get it again, and one that was evicted gets none."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The market as of a block: `open` are the developer offers that may get units, by hash.

    `books` has the asks by what their prices are for; the peers are in each.

    `signatures` are of the asks in the book, None for what is approved on chain. `absent` peers
    were evicted lately and have proved nothing since, `unreachable` ones do not answer at their
    endpoint with their key: the asks of both are left out. `avoid` has by deal the peers that gave
    it up lately or were dropped from it.
    """

    at: Indexed
    books: Mapping[PriceKind, OrderBook]
    signatures: MutableMapping[Hash, str | None]
    open: dict[Hash, OpenOffer]
    paused: bool
    absent: frozenset[int]
    avoid: dict[int, frozenset[int]]
    unreachable: frozenset[int] = frozenset()

    def demand_of(self, entry: OpenOffer) -> Demand:
        """Return what an open offer wants now."""
        return to_demand(
            entry.stored,
            entry.deal,
            self.avoid,
            entry.replacing,
            epoch_seconds=self.at.epoch_seconds,
        )

    def book_for(self, demand: Demand) -> OrderBook:
        """Return the book whose asks may fill a demand."""
        return self.books[demand.kind]


def read_snapshot(session: Session, *, reachable_only: bool = False) -> Snapshot:
    """Read the order book and the open offers from the store alone.

    `reachable_only` leaves out the asks of peers that do not answer. Raises NotIndexed while there
    is no block.
    """
    at = fetch_indexed(session)
    evictions = fetch_evictions(session)
    absent = find_absent_peers(fetch_peers_of(session, evictions), evictions, at)
    books, signatures = read_books(session, at, absent, reachable_only=reachable_only)
    offers = fetch_open_developer_offers(session, at)
    return Snapshot(
        at=at,
        books=books,
        signatures=signatures,
        open={Hash(entry.stored.hash): entry for entry in offers},
        paused=fetch_paused(session),
        absent=absent,
        avoid=read_avoided(session, at, [o.deal.id for o in offers if o.deal is not None]),
        unreachable=fetch_unreachable_peers(session) if reachable_only else frozenset(),
    )


def fetch_peers_of(session: Session, ids: Iterable[int]) -> list[PeerView]:
    """Return the peers of these numbers."""
    return [row for batch in batches(ids) for row in fetch_peers(session, ids=batch, limit=None)]


def find_absent_peers(
    peers: Iterable[PeerView], evictions: Mapping[int, int], at: Indexed
) -> frozenset[int]:
    """Return the peers that were evicted lately (`evictions`: when) and have proved nothing since.

    A peer that still works for somebody is back after one epoch. One that lost all its work has
    nothing to prove, so it gets another chance after `AVOID_EPOCHS`.
    """
    since = at.timestamp - AVOID_EPOCHS * at.epoch_seconds
    return frozenset(
        peer.id
        for peer in peers
        if peer.id in evictions
        and evictions[peer.id] >= since
        and evictions[peer.id] // at.epoch_seconds > (-1 if peer.proven is None else peer.proven)
    )


def read_avoided(session: Session, at: Indexed, deals: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return by deal the peers that must not get it now: whoever was dropped, or gave it up
    within `AVOID_EPOCHS`."""
    return find_avoided(fetch_departures(session, deals), at)


def find_avoided(departures: Iterable[Departure], at: Indexed) -> dict[int, frozenset[int]]:
    """Return of these departures those that count as of `at`, peers by deal."""
    avoided: dict[int, set[int]] = {}
    since = at.timestamp - AVOID_EPOCHS * at.epoch_seconds
    for departure in departures:
        if departure.kind == EndKind.DROPPED or departure.at >= since:
            avoided.setdefault(departure.deal, set()).add(departure.peer)
    return {deal: frozenset(peers) for deal, peers in avoided.items()}


def to_demand(
    stored: StoredDeveloperOffer,
    deal: DealView | None,
    avoid: Mapping[int, frozenset[int]] | None = None,
    replacing: Iterable[int] = (),
    *,
    epoch_seconds: int,
) -> Demand:
    """Return what an offer, or the deal it made, still wants.

    `replacing` are assignments that their developer wants elsewhere before they go.
    `epoch_seconds`: how long an epoch is, which budgets by month go by.
    """
    live = () if deal is None else deal.live
    return Demand(
        hash=Hash(stored.hash),
        offer=stored.offer,
        sequence=stored.sequence,
        balance=stored.offer.deposit if deal is None else deal.balance,
        deal=0 if deal is None else deal.id,
        live=tuple(Live(entry.id, entry.peer, entry.units, entry.price) for entry in live),
        avoid=frozenset() if deal is None or avoid is None else avoid.get(deal.id, frozenset()),
        hold=0 if stored.target is None else max(0, stored.offer.units - stored.target),
        replacing=frozenset(replacing),
        wish=NO_WISH if stored.wish is None else stored.wish.wish,
        epoch_seconds=0 if stored.wish is None else epoch_seconds,
    )


def is_for(stored: StoredDeveloperOffer, matcher: Address) -> bool:
    """Whether the offer lets this matcher fill it."""
    return stored.offer.matcher in (ZERO_ADDRESS, matcher)


def to_peer(row: PeerView) -> Peer:
    """Return a peer as the engine knows it."""
    return Peer(
        id=row.id,
        provider=Address(row.provider),
        units=row.units,
        used=row.used,
        memory_mib=row.memory_mib,
        region=row.region,
        traits=row.traits,
    )
