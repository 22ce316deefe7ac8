"""Read from the store what the engine needs: the book and the demands as of one block."""

from dataclasses import dataclass

from kernel.addresses import ZERO_ADDRESS
from kernel.units import Address, Hash
from matcher.engine.book import Book
from matcher.engine.values import Ask, Demand, Live, Peer
from store.book import fetch_live_provider_offers, fetch_open_developer_offers
from store.chain_state import fetch_counters, fetch_indexed, fetch_paused
from store.database import Session
from store.peers import fetch_peers
from store.views import DealView, Indexed, OpenOffer, StoredDeveloperOffer, StoredProviderOffer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The market as of a block: `open` are the developer offers that may get units, by hash."""

    at: Indexed
    book: Book
    asks: dict[Hash, StoredProviderOffer]
    open: dict[Hash, OpenOffer]
    paused: bool


def read_snapshot(session: Session) -> Snapshot:
    """Read book and open offers. Raises NotIndexed while there is no block."""
    at = fetch_indexed(session)
    asks = fetch_live_provider_offers(session, at)
    return Snapshot(
        at=at,
        book=_build_book(session, at, asks),
        asks={Hash(ask.hash): ask for ask in asks},
        open={Hash(entry.stored.hash): entry for entry in fetch_open_developer_offers(session, at)},
        paused=fetch_paused(session),
    )


def to_demand(stored: StoredDeveloperOffer, deal: DealView | None) -> Demand:
    """Return what an offer, or the deal it made, still wants."""
    live = () if deal is None else deal.live
    return Demand(
        hash=Hash(stored.hash),
        offer=stored.offer,
        sequence=stored.sequence,
        balance=stored.offer.deposit if deal is None else deal.balance,
        deal=0 if deal is None else deal.id,
        live=tuple(Live(entry.id, entry.peer, entry.units, entry.price) for entry in live),
    )


def is_for(stored: StoredDeveloperOffer, matcher: Address) -> bool:
    """Whether the offer lets this matcher fill it."""
    return stored.offer.matcher in (ZERO_ADDRESS, matcher)


def _build_book(session: Session, at: Indexed, asks: list[StoredProviderOffer]) -> Book:
    book = Book(at.timestamp)
    for row in fetch_peers(session, limit=None):
        book.put_peer(
            Peer(
                id=row.id,
                provider=Address(row.provider),
                units=row.units,
                used=row.used,
                memory_mib=row.memory_mib,
                region=row.region,
                traits=row.traits,
            )
        )
    for account, counter in fetch_counters(session, {Address(a.provider) for a in asks}).items():
        book.set_counter(account, counter)
    for ask in asks:
        book.add(Ask(Hash(ask.hash), ask.offer, ask.sequence))
    return book
