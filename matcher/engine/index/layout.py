"""How the book lies in memory: its arrays and the names of their columns.

Rows are cut into blocks of at most `ROWS`, in book order. What a scan needs of a row (terms of the
ask and of its peer) lies in the block, everything else by slot; a slot keeps its number.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
U64: TypeAlias = NDArray[np.uint64]
Bools: TypeAlias = NDArray[np.bool_]

ROWS = 512
SPLIT_AT = ROWS // 2
LOADED = ROWS * 3 // 4
MERGE_BELOW = ROWS // 8

# `narrow`: columns of a block. FREE is 0 for a row that cannot sell, whatever its peer has.
SLOT, PEER, PROVIDER, DEVELOPER, FREE, REGION = range(6)
NARROW = 6
# `wide`: columns of a block
PRICE, MEMORY, TRAITS = range(3)
WIDE = 3
# `sums`: bounds of the rows of a block that can sell; too high by what left since TOUCHED was 0.
# LISTED is the stamp of the last scan that names a provider in the block as one of the only ones.
COUNT, LISTED, TOUCHED, MAX_FREE, MAX_MEMORY, ANY_TRAITS, MIN_VALID, REGIONS = range(8)
SUMS = REGIONS + 4
TIGHTEN_AFTER = 64
"""So many changes of a block later its sums are computed again."""

# `terms` by ask slot
T_PRICE, T_SEQUENCE, T_VALID, T_COUNTER = range(4)
TERMS = 4
# `words` by ask slot: hash and salt, big-endian
WORDS = 8
# `links` by ask slot; neighbours are the other asks of the peer
L_PEER, L_DEVELOPER, L_BLOCK, L_NEXT, L_BEFORE, L_STATE = range(6)
LINKS = 6
HOLDS, CANCELLED, ODD = 1, 2, 4
"""Bits of L_STATE. ODD: a member of the offer is larger than its column."""

# `peers` by peer slot; neighbours are the other peers of the provider
P_ID, P_KNOWN, P_PROVIDER, P_UNITS, P_USED, P_MEMORY, P_REGION, P_TRAITS, P_TRAITS_HIGH = range(9)
P_ASK, P_NEXT, P_BEFORE = range(9, 12)
PEERS = 12
# `accounts` by account slot; A_USED is the stamp of the last scan that wrote A_LEFT, the units left
A_COUNTER, A_PEER, A_USED, A_LEFT = range(4)
ACCOUNTS = 4
# `state`: length of the directory, first free block or NONE, blocks ever used, last scan's stamp
DIRECTORY, FREE_BLOCK, BLOCKS, STAMP = range(4)
STATE = 4

NONE = -1
TRAIT_BITS = 62
"""Bits of TRAITS and P_TRAITS; the rest is in P_TRAITS_HIGH alone."""
LAST = 2**63 - 1
PRICE_LIMIT = 2**48


class Columns(NamedTuple):
    """All arrays of a book.

    `directory` lists the blocks in book order, `by_hash` finds slots by hash. `marks` are stamps
    of the scan that last used a peer, `taken` its units that are gone in this scan.
    """

    directory: I32
    narrow: I32
    wide: I64
    sums: I64
    terms: I64
    words: U64
    links: I32
    peers: I64
    accounts: I64
    state: I64
    by_hash: I32
    marks: I64
    taken: I32


def build_columns(blocks: int, asks: int, peers: int, accounts: int) -> Columns:
    """Return empty columns with room for so many of each; memory is used when it is written."""
    state = np.zeros(STATE, np.int64)
    state[FREE_BLOCK] = NONE
    return Columns(
        directory=np.zeros(blocks, np.int32),
        narrow=np.zeros((blocks, NARROW, ROWS), np.int32),
        wide=np.zeros((blocks, WIDE, ROWS), np.int64),
        sums=np.zeros((blocks, SUMS), np.int64),
        terms=np.zeros((asks, TERMS), np.int64),
        words=np.zeros((asks, WORDS), np.uint64),
        links=np.zeros((asks, LINKS), np.int32),
        peers=np.zeros((peers, PEERS), np.int64),
        accounts=np.zeros((accounts, ACCOUNTS), np.int64),
        state=state,
        by_hash=np.full(2 * power_of_two(asks), NONE, np.int32),
        marks=np.zeros(peers, np.int64),
        taken=np.zeros(peers, np.int32),
    )


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is not below `least`."""
    return 1 << max(0, least - 1).bit_length()
