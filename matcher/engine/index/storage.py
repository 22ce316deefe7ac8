"""Write asks, peers and accounts into the columns, and read them back exactly as they were."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.engine.facts import FactTable
from matcher.engine.index.hash_index import find_ask, index_all
from matcher.engine.index.layout import (
    A_COUNTER,
    A_PEER,
    BLOCKS,
    CANCELLED,
    HOLDS,
    I32,
    I64,
    LAST,
    LOADED,
    NONE,
    ODD,
    P_ASK,
    P_ID,
    P_KNOWN,
    P_PROVIDER,
    P_REGION,
    P_TRAITS,
    P_TRAITS_HIGH,
    P_UNITS,
    P_USED,
    TRAIT_BITS,
    Columns,
    build_columns,
    power_of_two,
)
from matcher.engine.values import Ask, Peer
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import PriceKind, ProviderOffer
from wasmarket.kernel.units import Address, Hash

PEER_LIMITS = {"units": 2**16, "used": 2**16, "memory_mib": 2**32, "region": 2**8, "traits": 2**96}
"""Market's ranges (CONTRACTS section 5): a peer is below all of them."""

Number = TypeVar("Number", bound=np.generic)

DENSE = 2**22
"""Peers below this number are found in an array, others in a dict: numbers come one by one."""

LOW_TRAITS = 2**TRAIT_BITS - 1


class Storage:
    """The columns, and what names their slots."""

    def __init__(self, kind: PriceKind = PriceKind.RESERVED) -> None:
        """Begin empty, for asks of one kind."""
        self.kind = kind
        self.columns: Columns = build_columns(4, 64, 16, 16)
        self.facts = FactTable()
        self.asks = 0
        self.peers = 0
        self._free: list[int] = []
        self._odd: dict[int, ProviderOffer] = {}
        self._accounts: list[Address] = []
        self._account_slots: dict[Address, int] = {}
        self._dense: I32 = np.full(16, NONE, np.int32)
        self._sparse: dict[int, int] = {}
        self._big_counters: list[int] = []
        self._counter_names: dict[int, int] = {}
        self.intern_account(ZERO_ADDRESS)

    @property
    def accounts(self) -> int:
        """Return how many account slots are in use."""
        return len(self._accounts)

    def reserve(self, asks: int = 1) -> None:
        """Make room for so many more asks, wherever in the order they go."""
        c = self.columns
        needed = self.asks + asks - len(self._free)
        if needed > len(c.terms):
            size = max(needed, len(c.terms) * 3 // 2)
            self.columns = c = c._replace(
                terms=_grown(c.terms, size),
                words=_grown(c.words, size),
                links=_grown(c.links, size),
            )
        if 2 * needed > len(c.by_hash):
            by_hash = np.full(2 * power_of_two(needed), NONE, np.int32)
            live = c.by_hash[c.by_hash != NONE]
            self.columns = c = c._replace(by_hash=by_hash)
            index_all(c, live)
        self.reserve_rows(asks)

    def reserve_rows(self, rows: int) -> None:
        """Make room in the blocks for so many more rows that are filled in order, or for one."""
        c = self.columns
        blocks = int(c.state[BLOCKS]) + 1 + rows // LOADED
        if blocks > len(c.directory):
            size = max(blocks, len(c.directory) * 3 // 2)
            self.columns = c._replace(
                directory=_grown(c.directory, size),
                narrow=_grown(c.narrow, size),
                wide=_grown(c.wide, size),
                sums=_grown(c.sums, size),
            )

    def account_slot(self, account: Address) -> int:
        """Return an account's slot, or NONE."""
        return self._account_slots.get(account, NONE)

    def account_at(self, slot: int) -> Address:
        """Return the account of a slot."""
        return self._accounts[slot]

    def intern_account(self, account: Address) -> int:
        """Return an account's slot; the first one is the zero address."""
        slot = self._account_slots.get(account)
        if slot is None:
            slot = self._account_slots[account] = len(self._accounts)
            self._accounts.append(account)
            c = self.columns
            if slot == len(c.accounts):
                self.columns = c._replace(accounts=_grown(c.accounts, slot * 2))
            self.columns.accounts[slot, A_PEER] = NONE
        return slot

    def name_counter(self, counter: int) -> int:
        """Return a number for a counter that fits into a column; equal ones have equal numbers."""
        if counter <= LAST:
            return counter
        name = self._counter_names.get(counter)
        if name is None:
            self._big_counters.append(counter)
            name = self._counter_names[counter] = -len(self._big_counters)
        return name

    def get_counter(self, slot: int) -> int:
        """Return an account's counter."""
        name = int(self.columns.accounts[slot, A_COUNTER])
        return name if name >= 0 else self._big_counters[-name - 1]

    def peer_slot(self, number: int) -> int:
        """Return a peer's slot, or NONE."""
        if number < len(self._dense):
            return int(self._dense[number])
        return self._sparse.get(number, NONE)

    def intern_peer(self, number: int) -> int:
        """Return a peer's slot, of which nothing but the number may be known."""
        slot = self.peer_slot(number)
        if slot != NONE:
            return slot
        slot = self.peers
        self.peers += 1
        if slot == len(self.columns.peers):
            size = slot * 3 // 2
            c = self.columns
            self.columns = c._replace(
                peers=_grown(c.peers, size),
                marks=_grown(c.marks, size),
                taken=_grown(c.taken, size),
            )
        if number < DENSE:
            self._spread(number)
            self._dense[number] = slot
        else:
            self._sparse[number] = slot
        row = self.columns.peers[slot]
        row[P_ID] = min(number, LAST)
        row[P_ASK] = NONE
        return slot

    def intern_peers(self, numbers: I64) -> I32:
        """Return the slots of peers that are all new, each once, in this order."""
        first, count = self.peers, len(numbers)
        self.peers += count
        c = self.columns
        if self.peers > len(c.peers):
            self.columns = c = c._replace(
                peers=_grown(c.peers, self.peers),
                marks=_grown(c.marks, self.peers),
                taken=_grown(c.taken, self.peers),
            )
        slots = np.arange(first, self.peers, dtype=np.int32)
        dense = numbers < DENSE
        if dense.any():
            self._spread(int(numbers[dense].max()))
            self._dense[numbers[dense]] = slots[dense]
        self._sparse.update(zip(numbers[~dense].tolist(), slots[~dense].tolist(), strict=True))
        c.peers[slots, P_ID] = numbers
        c.peers[slots, P_ASK] = NONE
        return slots

    def peer_slots(self, numbers: I64) -> I32:
        """Return the slots of peers, NONE for those that nothing names."""
        slots = np.full(len(numbers), NONE, np.int32)
        dense = numbers < len(self._dense)
        slots[dense] = self._dense[numbers[dense]]
        for row in np.flatnonzero(~dense).tolist():
            slots[row] = self._sparse.get(int(numbers[row]), NONE)
        return slots

    def _spread(self, number: int) -> None:
        if number >= len(self._dense):
            dense = np.full(min(DENSE, max(number + 1, 2 * len(self._dense))), NONE, np.int32)
            dense[: len(self._dense)] = self._dense
            self._dense = dense

    def write_peer(self, slot: int, peer: Peer) -> None:
        """Write all but the provider. Raises InvalidInput beyond Market's ranges."""
        for member, below in PEER_LIMITS.items():
            if not 0 <= getattr(peer, member) < below:
                raise InvalidInput(f"{member} of peer {peer.id} is out of range", field=member)
        self.columns.peers[slot, P_UNITS : P_TRAITS_HIGH + 1] = (
            peer.units,
            peer.used,
            peer.memory_mib,
            peer.region,
            peer.traits & LOW_TRAITS,
            peer.traits >> TRAIT_BITS,
        )

    def write_peers(self, peers: Sequence[Peer]) -> tuple[I32, I32]:
        """Write many peers at once; return their slots and those of their providers.

        Raises InvalidInput beyond Market's ranges.
        """
        slots = np.array([self.intern_peer(peer.id) for peer in peers], np.int32)
        owners = np.array([self.intern_account(peer.provider) for peer in peers], np.int32)
        rows = [(p.units, p.used, p.memory_mib, p.region, p.traits) for p in peers]
        for column, below in enumerate(PEER_LIMITS.values()):
            if (
                rows
                and not 0 <= min(r[column] for r in rows) <= max(r[column] for r in rows) < below
            ):
                raise InvalidInput("a peer is out of range", field=list(PEER_LIMITS)[column])
        low = np.array([(*r[:4], r[4] & LOW_TRAITS, r[4] >> TRAIT_BITS) for r in rows], np.int64)
        self.columns.peers[slots, P_UNITS : P_TRAITS_HIGH + 1] = low.reshape(-1, 6)
        return slots, owners

    def read_peer(self, slot: int) -> Peer | None:
        """Return what is known of a peer; None when only its number is."""
        row = self.columns.peers[slot].tolist()
        if not row[P_KNOWN]:
            return None
        return Peer(
            id=row[P_ID],
            provider=self._accounts[row[P_PROVIDER]],
            units=row[P_UNITS],
            used=row[P_USED],
            memory_mib=row[P_USED + 1],
            region=row[P_REGION],
            traits=row[P_TRAITS] | row[P_TRAITS_HIGH] << TRAIT_BITS,
        )

    def write_asks(self, asks: Sequence[Ask]) -> I32:
        """Write asks into free slots, which are returned; there must be room."""
        slots = np.array([self._take_slot() for _ in asks], np.int32)
        rows = [self._encode(ask, int(slot)) for ask, slot in zip(asks, slots, strict=True)]
        c = self.columns
        c.terms[slots] = np.array([row[0] for row in rows], np.int64)
        c.links[slots] = np.array([row[1] for row in rows], np.int32)
        text = b"".join([row[2] for row in rows])
        c.words[slots] = np.frombuffer(text, ">u8").reshape(len(rows), -1)
        return slots

    def write_ask(self, ask: Ask) -> int:
        """Write one ask into a free slot; there must be room."""
        slot = self._take_slot()
        terms, links, text = self._encode(ask, slot)
        c = self.columns
        c.terms[slot] = terms
        c.links[slot] = links
        c.words[slot] = np.frombuffer(text, ">u8")
        return slot

    def read_ask(self, slot: int) -> Ask:
        """Return the ask of a slot."""
        c = self.columns
        price, sequence, valid, counter = c.terms[slot].tolist()
        peer, developer, _, _, _, state = c.links[slot].tolist()
        text = c.words[slot].astype(">u8").tobytes()
        offer = self._odd[slot] if state & ODD else None
        if offer is None:
            offer = ProviderOffer(
                peer=int(c.peers[peer, P_ID]),
                kind=self.kind,
                price=price,
                developer=self._accounts[developer],
                valid_until=valid,
                counter=counter,
                salt=int.from_bytes(text[32:], "big"),
            )
        return Ask(
            Hash("0x" + text[:32].hex()),
            offer,
            sequence,
            bool(state & HOLDS),
            bool(state & CANCELLED),
        )

    def read_hash(self, slot: int) -> Hash:
        """Return the hash of the ask of a slot."""
        return Hash("0x" + self.columns.words[slot, :4].astype(">u8").tobytes().hex())

    def find_ask(self, offer: Hash) -> int:
        """Return the slot of the ask of a hash, or NONE."""
        key = np.frombuffer(bytes.fromhex(offer[2:]), ">u8").astype(np.uint64)
        return int(find_ask(self.columns, key))

    def free_ask(self, slot: int) -> None:
        """Let a slot be used again."""
        self._odd.pop(slot, None)
        self._free.append(slot)

    def take_slots(self, count: int) -> I32:
        """Return slots that were never used; there must be room."""
        first = self.asks
        self.asks += count
        return np.arange(first, self.asks, dtype=np.int32)

    def keep_odd(self, slot: int, offer: ProviderOffer) -> None:
        """Keep an offer that its columns cannot hold."""
        self._odd[slot] = offer

    def _take_slot(self) -> int:
        if self._free:
            return self._free.pop()
        self.asks += 1
        return self.asks - 1

    def _encode(self, ask: Ask, slot: int) -> tuple[tuple[int, ...], tuple[int, ...], bytes]:
        offer = ask.offer
        if offer.kind != self.kind:
            raise InvalidInput(f"an ask of kind {offer.kind} is in a book of another", field="kind")
        state = HOLDS * ask.holds | CANCELLED * ask.cancelled
        if max(offer.price, offer.valid_until, offer.counter, offer.peer) > LAST:
            state |= ODD
            self._odd[slot] = offer
        terms = (
            min(offer.price, LAST),
            ask.sequence,
            min(offer.valid_until, LAST),
            self.name_counter(offer.counter),
        )
        peer, developer = self.intern_peer(offer.peer), self.intern_account(offer.developer)
        links = (peer, developer, NONE, NONE, NONE, state)
        return terms, links, bytes.fromhex(ask.hash[2:]) + offer.salt.to_bytes(32, "big")


def _grown(array: NDArray[Number], size: int) -> NDArray[Number]:
    grown: NDArray[Number] = np.zeros((size, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
