"""Which asks each kind of demand may take, as one bit each: compiled."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matcher.engine.index.compiled import compiled
from matcher.engine.index.layout import I32, I64, LAST, P_TRAITS_HIGH, PRICE_LIMIT, TRAIT_BITS
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.rows import Rows
from matcher.engine.index.wishes import unfit_slots
from matcher.engine.values import Demand
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.selection.wishes import Wish
from wasmarket.kernel.signing.offers import ProvidersMode
from wasmarket.kernel.units import Address

Bytes = npt.NDArray[np.uint8]

REGIONS = 256
_TRAITS_BELOW = 2**96


class EligibilityKey(NamedTuple):
    """All that decides which asks a demand may take, but for its bid.

    `developer` is the zero address where no ask is for that developer alone.
    """

    developer: Address
    memory: int
    regions: int
    traits: int
    providers: tuple[Address, ...]
    mode: int
    avoid: frozenset[int]
    wish: Wish


class EligibilityColumns(NamedTuple):
    """Kinds in columns. `listed` and `avoid` have account and peer slots; `…_at` where they begin.

    `within` is how many rows are cheap enough for the highest bid of the kind, `allowed` says by
    region whether it will do.
    """

    within: I64
    developer: I64
    memory: I64
    traits: I64
    traits_high: I64
    allowed: Bytes
    mode: I64
    listed_at: I64
    listed: I64
    avoid_at: I64
    avoid: I64


def group_by_eligibility(
    demands: Sequence[Demand], book: OrderBook
) -> tuple[list[EligibilityKey], list[int], list[int]]:
    """Return the kinds, the kind of each demand, and the highest bid of each kind."""
    reserved = set(np.unique(book.rows().developer).tolist())
    numbers: dict[EligibilityKey, int] = {}
    kind_of: list[int] = []
    highest: list[int] = []
    for demand in demands:
        offer = demand.offer
        is_reserved = book.account_slot(offer.developer) in reserved
        kind = EligibilityKey(
            offer.developer if is_reserved else ZERO_ADDRESS,
            offer.min_memory_mib,
            offer.regions,
            offer.traits,
            offer.providers,
            offer.providers_mode,
            demand.passed_over,
            demand.wish.peer_limits(),
        )
        number = numbers.setdefault(kind, len(highest))
        if number == len(highest):
            highest.append(offer.max_price)
        else:
            highest[number] = max(highest[number], offer.max_price)
        kind_of.append(number)
    return list(numbers), kind_of, highest


def pack_eligibility(
    kinds: Sequence[EligibilityKey], highest: Sequence[int], book: OrderBook
) -> Bytes:
    """Return by kind one bit for each row of the book, lowest bit first.

    Of each peer's asks only the cheapest that the kind may take is set.
    """
    rows = book.rows()
    high = book.columns.peers[:, P_TRAITS_HIGH][rows.peer]
    listed = [[book.account_slot(account) for account in kind.providers] for kind in kinds]
    avoid = [
        [
            *(book.peer_slot(peer) for peer in sorted(kind.avoid)),
            *unfit_slots(book.storage, kind.wish).tolist(),
        ]
        for kind in kinds
    ]
    mask = 2**TRAIT_BITS - 1
    limits = [min(bid, PRICE_LIMIT) for bid in highest]
    terms = EligibilityColumns(
        within=np.searchsorted(rows.price, np.array(limits, np.int64), "right").astype(np.int64),
        developer=_column([book.account_slot(kind.developer) for kind in kinds]),
        memory=_column([min(kind.memory, LAST) for kind in kinds]),
        traits=_column([kind.traits & mask for kind in kinds]),
        # No peer has a trait that high: all bits of the column are more than any peer has.
        traits_high=_column(
            [k.traits >> TRAIT_BITS if k.traits < _TRAITS_BELOW else LAST for k in kinds]
        ),
        allowed=_regions(kinds),
        mode=_column([kind.mode for kind in kinds]),
        listed_at=_starts(listed),
        listed=_column([slot for slots in listed for slot in slots]),
        avoid_at=_starts(avoid),
        avoid=_column([slot for slots in avoid for slot in slots]),
    )
    fits = np.zeros((len(kinds), (len(rows.price) + 7) // 8), np.uint8)
    shared = np.bincount(rows.peer, minlength=book.peer_slots)[rows.peer] > 1
    _pack(terms, rows, high, shared, book.peer_slots, book.account_slots, fits)
    return fits


def _column(values: Sequence[int]) -> I64:
    return np.array(values, np.int64)


def _starts(lists: Sequence[Sequence[int]]) -> I64:
    return np.cumsum([0] + [len(entries) for entries in lists], dtype=np.int64)


def _regions(kinds: Sequence[EligibilityKey]) -> Bytes:
    width = REGIONS // 8
    masks = b"".join((kind.regions or 2**REGIONS - 1).to_bytes(width, "little") for kind in kinds)
    packed = np.frombuffer(masks, np.uint8).reshape(-1, width)
    return np.unpackbits(packed, axis=1, bitorder="little")


@compiled
def _pack(
    terms: EligibilityColumns,
    rows: Rows,
    high: I64,
    shared: npt.NDArray[np.bool_],
    peers: int,
    accounts: int,
    fits: Bytes,
) -> None:
    memory, traits, region, developer = rows.memory, rows.traits, rows.region, rows.developer
    provider, peer = rows.provider, rows.peer
    listed, gone = np.zeros(accounts, np.uint8), np.zeros(peers, np.uint8)
    seen = np.full(peers, -1, np.int32)
    mask = np.zeros(fits.shape[1] * 8, np.uint8)
    for kind in range(len(terms.within)):
        within = terms.within[kind]
        least, needs, needs_high = terms.memory[kind], terms.traits[kind], terms.traits_high[kind]
        allowed, account = terms.allowed[kind], terms.developer[kind]
        # Without branches: a machine does many rows at once.
        for row in range(within):
            mask[row] = (
                (memory[row] >= least)
                & (traits[row] & needs == needs)
                & (high[row] & needs_high == needs_high)
                & ((developer[row] == 0) | (developer[row] == account))
                & (allowed[region[row]] != 0)
            )
        mask[within:] = 0
        if terms.mode[kind] != ProvidersMode.ANY:
            wanted = 1 if terms.mode[kind] == ProvidersMode.ONLY else 0
            accounts_of = terms.listed[terms.listed_at[kind] : terms.listed_at[kind + 1]]
            _keep(mask, within, provider, listed, accounts_of, wanted)
        peers_of = terms.avoid[terms.avoid_at[kind] : terms.avoid_at[kind + 1]]
        if len(peers_of) > 0:
            _keep(mask, within, peer, gone, peers_of, 0)
        for row in range(within):
            if shared[row] and mask[row]:
                mask[row] = seen[peer[row]] != kind
                seen[peer[row]] = kind
        for byte in range(fits.shape[1]):
            bits = 0
            for bit in range(8):
                bits |= mask[byte * 8 + bit] << bit
            fits[kind, byte] = bits


@compiled
def _keep(mask: Bytes, within: int, slots: I32, marks: Bytes, marked: I64, wanted: int) -> None:
    """Keep the rows whose slot is (`wanted` 1) or is not (0) one of the marked ones."""
    for slot in marked:
        if slot >= 0:
            marks[slot] = 1
    for row in range(within):
        mask[row] &= marks[slots[row]] == wanted
    for slot in marked:
        if slot >= 0:
            marks[slot] = 0
