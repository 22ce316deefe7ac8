"""Keep what is known of peers for wishes: their documents as they come and expire, their history.

Histories are read of all peers at once, when an epoch begins or one of them was evicted, and only
once somebody's wish goes by them.
"""

import heapq
from collections.abc import Iterable
from dataclasses import replace

from matcher.engine.facts import NOTHING_KNOWN, FactTable, PeerFacts, PeerHistory
from matcher.engine.index.order_book import OrderBook
from matcher.orderbook.changed import Touched
from matcher.orderbook.facts_json import facts_of
from wasmarket.store.chain.reputation.reading import fetch_peer_records
from wasmarket.store.database import Session
from wasmarket.store.matching.offers import fetch_offer_version
from wasmarket.store.matching.peers.documents import fetch_changed_documents
from wasmarket.store.views import Indexed


class FactsReader:
    """One table of facts for all books of a feed; changed by what changed in the store."""

    def __init__(self, *, wants_history: bool = False) -> None:
        """Begin with nothing known; `wants_history`: somebody's wish goes by histories."""
        self._table = FactTable()
        self._version = -1
        self._expiring: list[tuple[int, int]] = []
        self._expires: dict[int, int] = {}
        self._epoch: int | None = None
        self.wants_history = wants_history

    @property
    def lacks_history(self) -> bool:
        """Whether histories are wanted and were not read yet."""
        return self.wants_history and self._epoch is None

    def note(self, touched: Touched) -> None:
        """Take in what events touched: evictions and new peers change histories."""
        if touched.evicted or touched.registered:
            self._epoch = None

    def refresh(self, session: Session, at: Indexed, books: Iterable[OrderBook]) -> None:
        """Bring the facts up to the block `at`, and let the books have them."""
        changed = self._read_documents(session, at)
        if self.wants_history and self._epoch != at.epoch:
            self._epoch = at.epoch
            for peer, record in fetch_peer_records(session, at).items():
                history = PeerHistory(record.uptime_ppm, record.evictions, record.age_epochs)
                known = changed.get(peer) or self._table.get(peer)
                changed[peer] = replace(known, history=history)
        if changed:
            self._table.put(changed)
        for book in books:
            book.storage.facts = self._table

    def _read_documents(self, session: Session, at: Indexed) -> dict[int, PeerFacts]:
        """Return the facts of the peers whose documents came, went or expired."""
        changed: dict[int, PeerFacts] = {}
        version = fetch_offer_version(session)
        if version != self._version:
            for entry in fetch_changed_documents(session, self._version):
                holds = entry.expires > at.timestamp
                said = facts_of(entry.document, entry.content, entry.signature)
                changed[entry.peer] = said if holds else NOTHING_KNOWN
                self._expires[entry.peer] = entry.expires
                heapq.heappush(self._expiring, (entry.expires, entry.peer))
            self._version = version
        while self._expiring and self._expiring[0][0] <= at.timestamp:
            expires, peer = heapq.heappop(self._expiring)
            # A newer document may have come meanwhile.
            if self._expires.get(peer) == expires:
                changed[peer] = NOTHING_KNOWN
        return {
            peer: replace(said, history=self._table.get(peer).history)
            for peer, said in changed.items()
        }
