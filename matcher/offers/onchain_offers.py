"""Take offers that were published on chain into the book: for whoever trusts no matcher's door."""

import logging

from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.signing.offers import (
    DeveloperOffer,
    PriceKind,
    ProviderOffer,
    validate_terms,
)
from wasmarket.kernel.units import Address, Timestamp
from wasmarket.store.chain.peers import fetch_last_peer, fetch_peer
from wasmarket.store.chain.state import fetch_indexed, fetch_published
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import OfferSource
from wasmarket.store.matching.offers import add_developer_offer, add_provider_offer
from wasmarket.store.views import PublishedView

logger = logging.getLogger(__name__)

PAGE = 200


class PublishedOffers:
    """Copies published offers into the matcher's own, each once.

    An ask may be published before its peer is registered: it waits, and is taken in with the peer.
    """

    def __init__(self, database: Database) -> None:
        """Begin at the first publication; known offers are passed over."""
        self._database = database
        self._after: tuple[int, int] | None = None
        self._waiting: dict[int, list[PublishedView]] = {}
        self._peers = 0

    def restart(self) -> None:
        """Look at every publication again, after a reorg."""
        self._after = None
        self._waiting.clear()
        self._peers = 0

    def has_news(self) -> bool:
        """Whether something was published that was not looked at yet."""
        with self._database.read() as session:
            return bool(fetch_published(session, after=self._after, limit=1))

    def take_in(self) -> int:
        """Copy what was published since the last time; return how many offers are new."""
        taken = 0
        while True:
            with self._database.read() as session:
                now = Timestamp(fetch_indexed(session).timestamp)
                peers = fetch_last_peer(session)
                page = fetch_published(session, after=self._after, limit=PAGE)
            if page:
                self._after = (page[-1].block, page[-1].log_index)
            elif peers == self._peers:
                return taken
            known = [number for number in self._waiting if number <= peers]
            page += [entry for number in known for entry in self._waiting.pop(number)]
            self._peers = peers
            taken += self._add(page, peers, now)

    def _add(self, page: list[PublishedView], peers: int, now: Timestamp) -> int:
        ready = []
        for entry in page:
            number = entry.offer.peer if isinstance(entry.offer, ProviderOffer) else 0
            if number > peers:
                self._waiting.setdefault(number, []).append(entry)
            else:
                ready.append(entry)
        if not ready:
            return 0
        with self._database.write() as session:
            return sum(_add(session, entry, now) for entry in ready)


def _add(session: Session, entry: PublishedView, now: Timestamp) -> bool:
    try:
        if isinstance(entry.offer, DeveloperOffer):
            return _add_developer_offer(session, entry, entry.offer, now)
        if entry.offer is not None and entry.offer.kind in tuple(PriceKind):
            peer = fetch_peer(session, entry.offer.peer)
            return (
                peer.provider == entry.account
                and (
                    add_provider_offer(
                        session,
                        entry.offer,
                        Address(peer.provider),
                        signature=None,
                        source=OfferSource.PUBLISHED,
                        received_at=now,
                    )[1]
                )
            )
    except MarketError as error:
        logger.info("published offer skipped", extra={"offer": entry.hash, "detail": str(error)})
    return False


def _add_developer_offer(
    session: Session, entry: PublishedView, offer: DeveloperOffer, now: Timestamp
) -> bool:
    validate_terms(offer)
    if offer.developer != entry.account:
        return False
    return add_developer_offer(
        session,
        offer,
        signature=None,
        permit=None,
        source=OfferSource.PUBLISHED,
        received_at=now,
    )[1]
