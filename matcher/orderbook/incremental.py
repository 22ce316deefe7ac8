"""Keep the market up to date change by change: what a block or an offer touched is read again.

The same queries as for a whole snapshot answer, asked only about what may be different, so that
after any history the feed and a fresh snapshot are equal. A reorg makes it begin anew.
"""

import heapq
from collections.abc import Iterable

from matcher.engine.values import Ask
from matcher.orderbook.changed import Touched
from matcher.orderbook.peer_facts import FactsReader
from matcher.orderbook.snapshot import (
    AVOID_EPOCHS,
    Snapshot,
    fetch_peers_of,
    find_absent_peers,
    find_avoided,
    read_snapshot,
    to_peer,
)
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.departures import Departure, fetch_departures, fetch_evictions
from wasmarket.store.chain.events import LAST, fetch_changes, fetch_stamp
from wasmarket.store.chain.state import fetch_counters, fetch_indexed, fetch_paused
from wasmarket.store.database import Database, Session
from wasmarket.store.matching.live_offers import (
    OfferSelection,
    fetch_asks_of,
    fetch_live_provider_offers,
    fetch_open_developer_offers,
)
from wasmarket.store.matching.offers import fetch_changed_offers
from wasmarket.store.matching.peer_checks import fetch_unreachable_peers
from wasmarket.store.matching.views import OpenOffer
from wasmarket.store.views import Indexed, Position

PAGE = 1_000
MOST_EVENTS = 20_000
"""Behind by more than this, reading everything anew is quicker."""


class Feed:
    """One long-lived book and the open offers beside it. Not for several threads.

    `rebuilds` and `changes` count whole readings, and asks and bids that were read again.
    """

    def __init__(self, database: Database, *, reachable_only: bool = False) -> None:
        """Read from `database` when asked; `reachable_only`: no asks of peers that are silent."""
        self._database = database
        self._reachable_only = reachable_only
        self._stamp: tuple[str | None, int, int] | None = None
        self._snapshot: Snapshot | None = None
        self._evictions: dict[int, int] = {}
        self._departures: dict[int, list[Departure]] = {}
        self._by_deal: dict[int, Hash] = {}
        self._deadlines: list[tuple[int, Hash]] = []
        self._facts = FactsReader()
        self.rebuilds = 0
        self.changes = 0

    @property
    def stamp(self) -> tuple[str | None, int, int] | None:
        """Which state of the store the snapshot is of: block hash, reorgs, offer clock."""
        return self._stamp

    @property
    def snapshot(self) -> Snapshot | None:
        """What the last `refresh` returned; its book and mappings change with the next."""
        return self._snapshot

    def want_history(self) -> None:
        """Have the histories of peers in the next snapshot, and in all after it."""
        self._facts.wants_history = True

    def is_current(self) -> bool:
        """Ask the store whether anything is new."""
        if self._facts.lacks_history:
            return False
        with self._database.read() as session:
            return self._snapshot is not None and fetch_stamp(session) == self._stamp

    def refresh(self) -> Snapshot:
        """Return the market as of the last indexed block. Raises NotIndexed, Unreachable."""
        try:
            with self._database.read() as session:
                return self._refresh(session)
        except BaseException:
            # What was changed halfway is of no use.
            self._snapshot = self._stamp = None
            raise

    def _refresh(self, session: Session) -> Snapshot:
        stamp = fetch_stamp(session)
        if self._snapshot is not None and stamp == self._stamp and not self._facts.lacks_history:
            return self._snapshot
        at = fetch_indexed(session)
        before = self._snapshot
        touched = self._read_touched(session, before.at) if before else None
        if before is None or touched is None:
            snapshot = self._rebuild(session)
        else:
            snapshot = self._apply(session, before, at, touched)
        if not self._facts.wants_history:
            asked = (entry.stored.wish for entry in snapshot.open.values())
            self._facts.wants_history = any(s.wish.goes_by_history for s in asked if s is not None)
        self._facts.refresh(session, at, snapshot.books.values())
        self._stamp, self._snapshot = stamp, snapshot
        return snapshot

    def _read_touched(self, session: Session, before: Indexed) -> Touched | None:
        """Return what the events since then touched; None when too much, or when undone."""
        _, reorg, _ = self._stamp or (None, 0, 0)
        position = Position(before.block, LAST, reorg)
        touched = Touched()
        for _ in range(MOST_EVENTS // PAGE):
            changes = fetch_changes(session, position, limit=PAGE)
            if changes.reorg_to is not None:
                return None
            if not changes.events:
                return touched
            touched.note(changes.events)
            position = changes.position
        return None

    def _rebuild(self, session: Session) -> Snapshot:
        snapshot = read_snapshot(session, reachable_only=self._reachable_only)
        self.rebuilds += 1
        self._facts = FactsReader(wants_history=self._facts.wants_history)
        self._evictions = fetch_evictions(session)
        self._departures, self._by_deal, self._deadlines = {}, {}, []
        self._index(session, snapshot.open.values())
        return snapshot

    def _apply(self, session: Session, before: Snapshot, at: Indexed, touched: Touched) -> Snapshot:
        _, _, version = self._stamp or (None, 0, 0)
        asks, bids = fetch_changed_offers(session, version)
        absent = self._find_absent(session, at, touched)
        self._facts.note(touched)
        for book in before.books.values():
            for hash_ in book.advance(at.timestamp):
                before.signatures.pop(hash_, None)
        self._apply_peers(session, before, touched)
        moved = touched.registered | (absent ^ before.absent)
        dirty = touched.offers.union(
            asks, fetch_asks_of(session, peers=moved, providers=touched.accounts)
        )
        self._apply_asks(session, before, at, dirty, absent)
        if at.epoch == before.at.epoch:
            self._apply_bids(session, before, at, touched, bids)
        else:
            # Every running deal was billed: each that is short has another balance.
            before.open.clear()
            self._departures, self._by_deal, self._deadlines = {}, {}, []
            self._index(session, self._put(before, fetch_open_developer_offers(session, at)))
        departures = (d for deal in self._by_deal for d in self._departures.get(deal, ()))
        return Snapshot(
            at=at,
            books=before.books,
            signatures=before.signatures,
            open=before.open,
            paused=fetch_paused(session),
            absent=absent,
            avoid=find_avoided(departures, at),
            unreachable=(fetch_unreachable_peers(session) if self._reachable_only else frozenset()),
        )

    def _find_absent(self, session: Session, at: Indexed, touched: Touched) -> frozenset[int]:
        since = at.timestamp - AVOID_EPOCHS * at.epoch_seconds
        self._evictions = {
            peer: when
            for peer, when in (self._evictions | touched.evicted).items()
            if when >= since
        }
        suspects = fetch_peers_of(session, self._evictions)
        return find_absent_peers(suspects, self._evictions, at)

    def _apply_peers(self, session: Session, before: Snapshot, touched: Touched) -> None:
        owners = set(touched.accounts)
        rows = fetch_peers_of(session, touched.peers)
        owners |= {Address(row.provider) for row in rows if row.id in touched.registered}
        counters = fetch_counters(session, owners)
        for book in before.books.values():
            for row in rows:
                book.put_peer(to_peer(row))
            for account, counter in counters.items():
                if book.get_counter(account) != counter:
                    for hash_ in book.set_counter(account, counter):
                        before.signatures.pop(hash_, None)

    def _apply_asks(
        self,
        session: Session,
        before: Snapshot,
        at: Indexed,
        dirty: set[Hash],
        absent: frozenset[int],
    ) -> None:
        left = set(dirty)
        found = fetch_live_provider_offers(
            session, at, hashes=dirty, reachable_only=self._reachable_only
        )
        for row in found:
            if row.offer.peer not in absent:
                hash_ = Hash(row.hash)
                left.discard(hash_)
                before.signatures[hash_] = row.signature
                book = before.books[PriceKind(row.offer.kind)]
                if book.get_ask(hash_) is None:
                    book.add(Ask(hash_, row.offer, row.sequence))
        for hash_ in left:
            before.signatures.pop(hash_, None)
            for book in before.books.values():
                book.remove(hash_)
        self.changes += len(dirty)

    def _apply_bids(
        self,
        session: Session,
        before: Snapshot,
        at: Indexed,
        touched: Touched,
        changed: Iterable[Hash],
    ) -> None:
        opened = before.open
        dirty = touched.offers.union(changed)
        dirty |= {self._by_deal[deal] for deal in touched.deals if deal in self._by_deal}
        if touched.accounts:
            dirty |= {h for h, e in opened.items() if e.stored.offer.developer in touched.accounts}
        for hash_ in dirty:
            self._forget(opened, hash_)
        while self._deadlines and self._deadlines[0][0] < at.timestamp:
            hash_ = heapq.heappop(self._deadlines)[1]
            if hash_ in opened and opened[hash_].deal is None:
                self._forget(opened, hash_)
        chosen = OfferSelection(
            frozenset(dirty), frozenset(touched.accounts), frozenset(touched.deals)
        )
        found = fetch_open_developer_offers(session, at, chosen)
        self._index(session, self._put(before, found))
        self.changes += len(dirty)

    def _put(self, before: Snapshot, found: list[OpenOffer]) -> list[OpenOffer]:
        before.open.update((Hash(entry.stored.hash), entry) for entry in found)
        return found

    def _forget(self, opened: dict[Hash, OpenOffer], hash_: Hash) -> None:
        entry = opened.pop(hash_, None)
        if entry is not None and entry.deal is not None:
            self._by_deal.pop(entry.deal.id, None)
            self._departures.pop(entry.deal.id, None)

    def _index(self, session: Session, found: Iterable[OpenOffer]) -> None:
        """Note of open offers when they end, which deal they have, and who left it."""
        deals = []
        for entry in found:
            hash_ = Hash(entry.stored.hash)
            if entry.deal is None:
                heapq.heappush(self._deadlines, (entry.stored.offer.valid_until, hash_))
            else:
                deals.append(entry.deal.id)
                self._by_deal[entry.deal.id] = hash_
                self._departures.pop(entry.deal.id, None)
        for departure in fetch_departures(session, deals):
            self._departures.setdefault(departure.deal, []).append(departure)
