"""Write whole columns of peers and asks into a new book's storage: as one by one, only faster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.engine.index.layout import (
    HOLDS,
    I32,
    I64,
    LAST,
    NONE,
    ODD,
    P_TRAITS_HIGH,
    P_UNITS,
    TRAIT_BITS,
    U64,
)
from matcher.engine.index.storage import LOW_TRAITS, PEER_LIMITS, Storage
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import ProviderOffer
from wasmarket.kernel.units import Address

Item = TypeVar("Item", bound=np.generic)

TRAIT_WORD_BITS = 64


@dataclass(frozen=True, slots=True)
class PeerColumns:
    """Peers, each once, as Peer has them. `provider` is a place in a list of accounts; `traits` is
    the low word, `traits_high` the one above it."""

    id: I64
    provider: I32
    units: I64
    used: I64
    memory_mib: I64
    region: I64
    traits: U64
    traits_high: U64


@dataclass(frozen=True, slots=True)
class AskColumns:
    """Asks of one kind that hold, each once, of known peers; as Ask and its offer have them.

    `hash` and `salt` are four words each, the highest first, `developer` is a place in a list of
    accounts. `odd` has by row the offers with a number of more than 63 bits, for which the columns
    say LAST.
    """

    hash: U64
    peer: I64
    price: I64
    developer: I32
    valid_until: I64
    counter: I64
    salt: U64
    sequence: I64
    odd: Mapping[int, ProviderOffer] = field(default_factory=dict)


def write_peer_columns(
    store: Storage, accounts: Sequence[Address], peers: PeerColumns
) -> tuple[I32, I32]:
    """Write peers into an empty storage; return their slots and those of their providers.

    Raises InvalidInput beyond Market's ranges.
    """
    numbers = (peers.units, peers.used, peers.memory_mib, peers.region)
    for (name, below), column in zip(PEER_LIMITS.items(), numbers, strict=False):
        if len(column) and not 0 <= column.min() <= column.max() < below:
            raise InvalidInput("a peer is out of range", field=name)
    high_limit = PEER_LIMITS["traits"] >> TRAIT_WORD_BITS
    if len(peers.traits_high) and int(peers.traits_high.max()) >= high_limit:
        raise InvalidInput("a peer is out of range", field="traits")
    slots = store.intern_peers(peers.id)
    owners = _intern(store, accounts, peers.provider)
    rows = store.columns.peers
    for place, column in enumerate(numbers):
        rows[slots, P_UNITS + place] = column
    rows[slots, P_TRAITS_HIGH - 1] = (peers.traits & np.uint64(LOW_TRAITS)).astype(np.int64)
    left = np.uint64(TRAIT_WORD_BITS - TRAIT_BITS)
    low = peers.traits >> np.uint64(TRAIT_BITS)
    rows[slots, P_TRAITS_HIGH] = (low | peers.traits_high << left).astype(np.int64)
    return slots, owners


def write_ask_columns(store: Storage, accounts: Sequence[Address], asks: AskColumns) -> I32:
    """Write asks into a storage that has none, which knows their peers; return their slots."""
    count = len(asks.sequence)
    store.reserve(count)
    slots = store.take_slots(count)
    c = store.columns
    counters = asks.counter
    if asks.odd:
        counters = counters.copy()
        for row, offer in asks.odd.items():
            counters[row] = store.name_counter(offer.counter)
    c.terms[slots] = np.stack([asks.price, asks.sequence, asks.valid_until, counters], axis=1)
    c.words[slots] = np.concatenate([asks.hash, asks.salt], axis=1)
    links = np.full((count, c.links.shape[1]), NONE, np.int32)
    links[:, 0] = store.peer_slots(asks.peer)
    links[:, 1] = _intern(store, accounts, asks.developer)
    links[:, -1] = HOLDS
    for row, offer in asks.odd.items():
        links[row, -1] |= ODD
        store.keep_odd(int(slots[row]), offer)
    c.links[slots] = links
    return slots


def is_large(words: U64) -> NDArray[np.bool_]:
    """Return which numbers, four words each, are beyond a column of the book."""
    found: NDArray[np.bool_] = (words[:, :3] != 0).any(axis=1) | (words[:, 3] > np.uint64(LAST))
    return found


def _intern(store: Storage, accounts: Sequence[Address], used: I32) -> I32:
    """Return the slots of accounts, given by their places in a list, named in order of use."""
    places, first = np.unique(used, return_index=True)
    slots = np.zeros(len(accounts), np.int32)
    for place in places[np.argsort(first)].tolist():
        slots[place] = store.intern_account(accounts[place])
    found: I32 = slots[used]
    return found
