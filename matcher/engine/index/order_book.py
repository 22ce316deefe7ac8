"""The book: peers, their providers' counters and the live asks, changed one thing at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import islice

import numpy as np

from matcher.engine.index.blocks import fill_blocks
from matcher.engine.index.bulk import (
    AskColumns,
    PeerColumns,
    write_ask_columns,
    write_peer_columns,
)
from matcher.engine.index.filters import UNLIMITED, build_filter
from matcher.engine.index.hash_index import (
    add_ask,
    drop_ask,
    index_all,
    index_newest,
    join_all,
    join_provider,
    leave_provider,
    link_all,
    list_asks,
    list_expired,
    refresh_account,
    refresh_peer,
)
from matcher.engine.index.layout import (
    A_COUNTER,
    COUNT,
    DIRECTORY,
    I32,
    LAST,
    NONE,
    P_ID,
    P_KNOWN,
    P_PROVIDER,
    P_REGION,
    P_UNITS,
    P_USED,
    REGIONS,
    SLOT,
    T_PRICE,
    T_SEQUENCE,
    Columns,
)
from matcher.engine.index.rows import Rows, build_rows
from matcher.engine.index.scan import S_SLOT, has_many_peers, list_asks_of, scan_all
from matcher.engine.index.storage import Storage
from matcher.engine.values import Ask, Demand, Peer
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.units import Address, Hash

CHUNK = 65_536
MANY_PEERS = 200
"""Of a provider: from here on its asks are found by reading the whole book in order."""


class OrderBook:
    """All asks that could fill something, cheapest first. Equal contents match equally.

    What can never fill again leaves by itself: `advance` drops what has expired, `set_counter`
    what its provider withdrew. An ask of an unknown or drained peer stays, but is not offered.
    All asks are of one `kind`. They lie in columns and are made on demand. Many may read at once;
    whoever changes the book must be alone with it.
    """

    def __init__(self, now: int = 0, kind: PriceKind = PriceKind.RESERVED) -> None:
        """Begin empty at chain time `now` (seconds)."""
        self.now = now
        self.version = 0
        self.storage = Storage(kind)
        self._count = 0
        self.excluded: I32 = np.zeros(0, np.int32)
        self._rows: tuple[int, Rows] | None = None
        self._asks_of: tuple[int, int, I32] | None = None

    @classmethod
    def load(
        cls,
        now: int,
        peers: Iterable[Peer],
        counters: Mapping[Address, int],
        asks: Iterable[Ask],
        kind: PriceKind = PriceKind.RESERVED,
    ) -> "OrderBook":
        """Return a book of all this at once: as adding one by one, only faster.

        Asks that have expired, or that a counter withdrew, stay out of it only when they would
        have left a book that knew time and counters before. Raises InvalidInput for an ask of
        another kind.
        """
        book = cls(now, kind)
        crowd = iter(peers)
        while group := list(islice(crowd, CHUNK)):
            slots, owners = book.storage.write_peers(group)
            join_all(book.columns, slots, owners)
        for account, counter in counters.items():
            book.set_counter(account, counter)
        store, rest, parts = book.storage, iter(asks), []
        while chunk := list(islice(rest, CHUNK)):
            store.reserve(len(chunk))
            parts.append(store.write_asks(chunk))
        slots = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        lost = index_newest(store.columns, slots)
        for slot in lost.tolist():
            store.free_ask(slot)
        book._enter(slots[~np.isin(slots, lost)] if len(lost) else slots)
        return book

    @classmethod
    def load_columns(
        cls,
        now: int,
        accounts: Sequence[Address],
        peers: PeerColumns,
        counters: Mapping[Address, int],
        asks: AskColumns,
        kind: PriceKind = PriceKind.RESERVED,
    ) -> "OrderBook":
        """Return the book that `load` makes of the same peers, counters and asks, much faster.

        `accounts` are those that the columns name by their places. Raises InvalidInput.
        """
        book = cls(now, kind)
        slots, owners = write_peer_columns(book.storage, accounts, peers)
        join_all(book.columns, slots, owners)
        for account, counter in counters.items():
            book.set_counter(account, counter)
        slots = write_ask_columns(book.storage, accounts, asks)
        index_all(book.columns, slots)
        book._enter(slots)
        return book

    def without(self, asks: Iterable[Hash]) -> "OrderBook":
        """Return this book less some asks, as a value: it is the same but for these.

        It shares everything with this book, is valid until that changes, and is not to be changed.
        """
        slots = {self.storage.find_ask(ask) for ask in asks} - {NONE, *self.excluded.tolist()}
        view = copy(self)
        view.excluded = np.array(sorted({*self.excluded.tolist(), *slots}), np.int32)
        view._count -= len(slots)
        view._rows = None
        return view

    def _enter(self, slots: I32) -> None:
        """Bring asks into the still empty book whose columns and index are written."""
        self.storage.reserve_rows(len(slots))
        c = self.columns
        link_all(c, slots)
        sequence, price = c.terms[slots, T_SEQUENCE], c.terms[slots, T_PRICE]
        if (sequence[1:] > sequence[:-1]).all():
            order = np.argsort(price, kind="stable")
        else:
            words = [c.words[slots, place] for place in (3, 2, 1, 0)]
            order = np.lexsort((*words, sequence, price))
        fill_blocks(c, slots[order], self.now)
        self._count = len(slots)
        self.version += 1

    def __len__(self) -> int:
        """Return how many asks there are."""
        return self._count

    @property
    def kind(self) -> PriceKind:
        """What the prices of its asks are for."""
        return self.storage.kind

    @property
    def columns(self) -> Columns:
        """The arrays, for kernels: valid until the next change, and never to be written to."""
        return self.storage.columns

    @property
    def peer_slots(self) -> int:
        """How many peer slots there are."""
        return self.storage.peers

    @property
    def account_slots(self) -> int:
        """How many account slots there are."""
        return self.storage.accounts

    def rows(self) -> Rows:
        """Return all rows that can sell, in book order; the same until the book changes."""
        if self._rows is None or self._rows[0] != self.version:
            self._rows = self.version, build_rows(self.columns, self.excluded)
        return self._rows[1]

    def feasible(self, demand: Demand, most: int = LAST) -> I32:
        """Return the first `most` of `rows` that may fill a demand, one per peer, cheapest first.

        Its amounts (units, caps, balance, minimums) are not looked at.
        """
        wanted = build_filter(demand, self.storage, UNLIMITED, excluded=self.excluded)
        slots = scan_all(self.columns, wanted, most)[:, S_SLOT]
        found: I32 = self.rows().place[slots]
        return found

    def regions(self) -> list[int]:
        """Return the regions in which something is for sale, and perhaps some that sold out."""
        c = self.columns
        words = c.sums[c.directory[: c.state[DIRECTORY]], REGIONS : REGIONS + 4]
        return [
            64 * place + bit
            for place, word in enumerate(np.bitwise_or.reduce(words, axis=0).tolist())
            for bit in range(64)
            if word >> bit & 1
        ]

    def advance(self, now: int) -> list[Hash]:
        """Set the chain time and drop the asks that expired before it; return their hashes."""
        back = now < self.now
        self.now = now
        self.version += 1
        dropped = self._drop(list_expired(self.columns, now))
        if back:
            # What was added too late may hold again at the earlier time.
            for account in range(self.account_slots):
                refresh_account(self.columns, account, now)
        return dropped

    def put_peer(self, peer: Peer) -> None:
        """Add a peer, or replace what is known of it. Raises InvalidInput out of range."""
        store = self.storage
        slot = store.intern_peer(peer.id)
        store.write_peer(slot, peer)
        account = store.intern_account(peer.provider)
        c = store.columns
        known = c.peers[slot, P_KNOWN]
        if not known or c.peers[slot, P_PROVIDER] != account:
            if known:
                leave_provider(c, slot)
            join_provider(c, slot, account)
        refresh_peer(c, slot, self.now)
        self.version += 1

    def take(self, peer: int, units: int) -> None:
        """Count units of a known peer as used, or as free again when negative."""
        slot = self.storage.peer_slot(peer)
        self.columns.peers[slot, P_USED] += units
        refresh_peer(self.columns, slot, self.now)
        self.version += 1

    def remove_peer(self, peer: int) -> None:
        """Forget a peer (a reorg undid its registration)."""
        slot = self.storage.peer_slot(peer)
        if slot != NONE and self.columns.peers[slot, P_KNOWN]:
            leave_provider(self.columns, slot)
            refresh_peer(self.columns, slot, self.now)
            self.version += 1

    def set_counter(self, account: Address, counter: int) -> list[Hash]:
        """Set an account's counter and drop its asks under any other; return their hashes."""
        store = self.storage
        slot = store.intern_account(account)
        store.columns.accounts[slot, A_COUNTER] = store.name_counter(counter)
        self.version += 1
        dropped = self._drop(list_asks(store.columns, slot, True))
        refresh_account(store.columns, slot, self.now)
        return dropped

    def add(self, ask: Ask) -> None:
        """Add an ask; one of the same hash is replaced."""
        self.remove(ask.hash)
        store = self.storage
        store.reserve()
        slot = store.write_ask(ask)
        add_ask(store.columns, slot, self.now)
        self._count += 1
        self.version += 1

    def remove(self, offer: Hash) -> bool:
        """Drop an ask (cancelled, or taken back); return whether it was there."""
        slot = self.storage.find_ask(offer)
        if slot == NONE:
            return False
        self._remove_at(slot)
        return True

    def get_ask(self, offer: Hash) -> Ask | None:
        """Return the ask of that hash."""
        slot = self.storage.find_ask(offer)
        return None if slot == NONE or slot in self.excluded else self.storage.read_ask(slot)

    def ask_at(self, slot: int) -> Ask:
        """Return the ask of a slot that a scan found."""
        return self.storage.read_ask(slot)

    def asks_of(self, account: int) -> I32:
        """Return the slots of the asks of a provider's slot, the cheapest first."""
        kept, c = self._asks_of, self.columns
        if kept is None or kept[:2] != (self.version, account):
            if has_many_peers(c, account, MANY_PEERS):
                slots = list_asks_of(c, account)
            else:
                slots = list_asks(c, account, False)
                slots = slots[np.argsort(c.terms[slots, T_PRICE], kind="stable")]
            # Others may read meanwhile, and of another account.
            kept = self._asks_of = self.version, account, slots
        return kept[2]

    def get_peer(self, peer: int) -> Peer | None:
        """Return the peer of that number."""
        slot = self.storage.peer_slot(peer)
        return None if slot == NONE else self.storage.read_peer(slot)

    def peer_at(self, slot: int) -> Peer | None:
        """Return the peer of a slot; None when only asks name it."""
        return self.storage.read_peer(slot)

    def peer_slot(self, peer: int) -> int:
        """Return the slot of a peer's number, −1 for one that nothing names."""
        return self.storage.peer_slot(peer)

    def account_slot(self, account: Address) -> int:
        """Return the slot of an account, −1 for one that nothing names. The zero address has 0."""
        return self.storage.account_slot(account)

    def account_at(self, slot: int) -> Address:
        """Return the account of a slot."""
        return self.storage.account_at(slot)

    def get_counter(self, account: Address) -> int:
        """Return an account's counter; 0 when it was never bumped."""
        slot = self.storage.account_slot(account)
        return 0 if slot == NONE else self.storage.get_counter(slot)

    def peers(self) -> Iterator[Peer]:
        """Iterate over all peers by number."""
        rows = self.columns.peers[: self.peer_slots]
        known = np.flatnonzero(rows[:, P_KNOWN])
        for slot in known[np.argsort(rows[known, P_ID])].tolist():
            peer = self.storage.read_peer(slot)
            assert peer is not None
            yield peer

    def sum_regions(self, provider: Address | None = None) -> dict[int, tuple[int, int]]:
        """Return the units of a provider's peers, or of all, and how many are used, by region."""
        rows = self.columns.peers[: self.peer_slots]
        chosen = rows[:, P_KNOWN] != 0
        if provider is not None:
            chosen &= rows[:, P_PROVIDER] == self.account_slot(provider)
        rows = rows[chosen]
        regions = rows[:, P_REGION]
        # A sum of 16-bit numbers is exact as a double.
        units, used = (np.bincount(regions, rows[:, column]) for column in (P_UNITS, P_USED))
        return {
            region: (int(units[region]), int(used[region]))
            for region in np.flatnonzero(np.bincount(regions)).tolist()
        }

    def asks(self) -> Iterator[Ask]:
        """Iterate over all asks, cheapest first, also those that fill nothing now.

        Prices that no contract accepts (2^63 and more) count as equal.
        """
        c, excluded = self.columns, frozenset(self.excluded.tolist())
        for block in c.directory[: c.state[DIRECTORY]].tolist():
            for slot in c.narrow[block, SLOT, : c.sums[block, COUNT]].tolist():
                if slot not in excluded:
                    yield self.storage.read_ask(slot)

    def _remove_at(self, slot: int) -> None:
        drop_ask(self.columns, slot)
        self.storage.free_ask(slot)
        self._count -= 1
        self.version += 1

    def _drop(self, slots: I32) -> list[Hash]:
        hashes = [self.storage.read_hash(slot) for slot in slots.tolist()]
        for slot in slots.tolist():
            self._remove_at(slot)
        return hashes
