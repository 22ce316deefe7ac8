"""Keep what is known of peers for wishes: documents and measured latencies as they come and
expire, histories.

Histories are read of all peers at once, when an epoch begins or one of them was evicted, and only
once somebody's wish goes by them.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace

from matcher.engine.facts import (
    LATENCY_SECONDS,
    NOTHING_KNOWN,
    FactTable,
    Latency,
    PeerFacts,
    PeerHistory,
)
from matcher.engine.index.order_book import OrderBook
from matcher.orderbook.changed import Touched
from matcher.orderbook.facts_json import facts_of
from wasmarket.store.chain.reputation.reading import fetch_peer_records
from wasmarket.store.database import Session
from wasmarket.store.matching.offers import fetch_offer_version
from wasmarket.store.matching.peers.documents import fetch_changed_documents
from wasmarket.store.matching.peers.latencies import fetch_changed_latencies
from wasmarket.store.views import Indexed


class FactsReader:
    """One table of facts for all books of a feed; changed by what changed in the store."""

    def __init__(self, *, wants_history: bool = False) -> None:
        """Begin with nothing known; `wants_history`: somebody's wish goes by histories."""
        self._table = FactTable()
        self._version = -1
        self._expiring: list[tuple[int, int]] = []
        self._expires: dict[int, int] = {}
        self._latencies: dict[int, dict[str, Latency]] = {}
        self._aging: list[tuple[int, int, str]] = []
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
        version = fetch_offer_version(session)
        changed = self._read_documents(session, at, version)
        for peer, latencies in self._read_latencies(session, at, version).items():
            known = changed.get(peer) or self._table.get(peer)
            changed[peer] = replace(known, latencies=latencies)
        self._version = version
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

    def _read_documents(self, session: Session, at: Indexed, version: int) -> dict[int, PeerFacts]:
        """Return the facts of the peers whose documents came, went or expired."""
        changed: dict[int, PeerFacts] = {}
        if version != self._version:
            for entry in fetch_changed_documents(session, self._version):
                holds = entry.expires > at.timestamp
                said = facts_of(entry.document, entry.content, entry.signature)
                changed[entry.peer] = said if holds else NOTHING_KNOWN
                self._expires[entry.peer] = entry.expires
                heapq.heappush(self._expiring, (entry.expires, entry.peer))
        while self._expiring and self._expiring[0][0] <= at.timestamp:
            expires, peer = heapq.heappop(self._expiring)
            # A newer document may have come meanwhile.
            if self._expires.get(peer) == expires:
                changed[peer] = NOTHING_KNOWN
        before = {peer: self._table.get(peer) for peer in changed}
        return {
            peer: replace(said, history=before[peer].history, latencies=before[peer].latencies)
            for peer, said in changed.items()
        }

    def _read_latencies(
        self, session: Session, at: Indexed, version: int
    ) -> Mapping[int, tuple[Latency, ...]]:
        """Return all latencies of the peers of which one came, went or grew too old."""
        changed: set[int] = set()
        if version != self._version:
            for entry in fetch_changed_latencies(session, self._version):
                measured = Latency(entry.gateway, entry.ms, entry.region, entry.answers, entry.at)
                self._latencies.setdefault(entry.peer, {})[entry.gateway] = measured
                over_at = entry.at + LATENCY_SECONDS
                heapq.heappush(self._aging, (over_at, entry.peer, entry.gateway))
                changed.add(entry.peer)
        while self._aging and self._aging[0][0] < at.timestamp:
            _, peer, gateway = heapq.heappop(self._aging)
            found = self._latencies.get(peer, {})
            # A newer figure may have come meanwhile.
            if gateway in found and found[gateway].at + LATENCY_SECONDS < at.timestamp:
                del found[gateway]
                changed.add(peer)
        return {peer: tuple(self._latencies[peer].values()) for peer in changed}
