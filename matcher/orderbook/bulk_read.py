"""Read both books from the store by whole columns: so a matcher with a million asks begins.

The signatures are not verified again: the door verified each before it kept the offer.
"""

from binascii import unhexlify
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from matcher.engine.index.bulk import AskColumns, PeerColumns, is_large
from matcher.engine.index.decimals import read_decimals
from matcher.engine.index.layout import I32, I64, LAST, U64, Bools
from matcher.engine.index.order_book import OrderBook
from matcher.orderbook.signatures import BYTES, HASH_BYTES, Signatures
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.signing.offers import PriceKind, ProviderOffer
from wasmarket.kernel.units import Address
from wasmarket.store.bulk.asks import (
    fetch_answering_peers,
    fetch_approved_asks,
    fetch_bumped_counters,
    fetch_cancelled_asks,
    read_asks,
)
from wasmarket.store.bulk.joined import SEPARATOR, Texts
from wasmarket.store.bulk.peers import WHOLE, read_peers
from wasmarket.store.columns import UINT256_DIGITS
from wasmarket.store.database import Session
from wasmarket.store.errors import Inconsistent
from wasmarket.store.views import Indexed

ADDRESS_BYTES = 20
WORDS = 4
HEX = "0x"

NEVER = -1
"""As an account's counter: beyond any that fits a column."""


@dataclass(frozen=True, slots=True)
class _Asks:
    """Asks of both kinds, of registered peers and by their providers.

    `large` has by sequence the price, the end and the counter of those that have one of more than
    63 bits; their columns say LAST.
    """

    sequence: I64
    peer: I64
    kind: I64
    provider: I32
    developer: I32
    hash: U64
    salt: U64
    price: I64
    valid_until: I64
    counter: I64
    signature: NDArray[np.uint8]
    large: dict[int, tuple[int, int, int]]


class _Accounts(dict[str, int]):
    """Numbers accounts in the order in which they come up."""

    def __missing__(self, account: str) -> int:
        self[account] = number = len(self)
        return number

    def number(self, listed: Sequence[str]) -> I32:
        """Return the numbers of accounts."""
        return np.fromiter(map(self.__getitem__, listed), np.int32, len(listed))


class _Peers:
    """All peers, and where to find them by number."""

    def __init__(self, session: Session, accounts: _Accounts) -> None:
        parts = list(read_peers(session))
        whole = {name: _whole([texts[name] for texts in parts]) for name in WHOLE}
        text = SEPARATOR.join(texts["provider"] for texts in parts)
        provider = accounts.number(text.split(SEPARATOR) if text else [])
        traits = _uint256([texts["traits"] for texts in parts])
        order = _order(whole["id"])
        self.columns = PeerColumns(
            provider=provider[order],
            traits=traits[order, 3],
            traits_high=traits[order, 2],
            **{name: column[order] for name, column in whole.items()},
        )
        self._owners = _addresses([text])[order]
        # Numbers are given one by one on chain: few are missing.
        self._places = np.full(int(whole["id"].max(initial=0)) + 2, NEVER, np.int32)
        self._places[self.columns.id] = np.arange(len(provider), dtype=np.int32)

    def find(self, numbers: I64, providers: NDArray[np.uint32]) -> I32:
        """Return the places of the peers of these numbers that are these providers' own, NEVER
        for all others."""
        place: I32 = self._places[np.minimum(numbers, len(self._places) - 1)]
        known = np.flatnonzero(place != NEVER)
        wrong = (self._owners[place[known]] != providers[known]).any(axis=1)
        place[known[wrong]] = NEVER
        return place


def read_books(
    session: Session, at: Indexed, absent: Iterable[int], *, reachable_only: bool
) -> tuple[dict[PriceKind, OrderBook], Signatures]:
    """Return the books of the asks that hold as of `at`, and the signatures of these asks.

    Those of `absent` peers stay out, and with `reachable_only` those of peers that do not answer
    at their endpoint with their key.
    """
    accounts = _Accounts()
    known = _Peers(session, accounts)
    peers = known.columns
    asks = _join([_read_part(texts, accounts, known) for texts in read_asks(session, at)])
    names = [Address(account) for account in accounts]
    bumped = fetch_bumped_counters(session)
    holds = (
        _are_current(asks, accounts, bumped)
        & _are_said(session, asks)
        & ~np.isin(asks.peer, np.fromiter(absent, np.int64))
    )
    if reachable_only:
        holds &= np.isin(asks.peer, np.array(fetch_answering_peers(session), np.int64))
    owners = sorted(names[number] for number in np.unique(peers.provider).tolist())
    counters = {account: bumped[account] for account in owners if account in bumped}
    books = {
        kind: OrderBook.load_columns(
            at.timestamp, names, peers, counters, _choose(asks, names, holds, kind), kind
        )
        for kind in PriceKind
    }
    hashes = asks.hash[holds].astype(">u8").tobytes()
    return books, Signatures(hashes, asks.signature[holds].tobytes())


def _read_part(texts: Texts, accounts: _Accounts, peers: _Peers) -> _Asks:
    peer = _whole([texts["peer"]])
    place = peers.find(peer, _addresses([texts["provider"]]))
    rows = slice(None) if (place != NEVER).all() else np.flatnonzero(place != NEVER)
    sequence = _whole([texts["sequence"]])[rows]
    words = {name: _uint256([texts[name]])[rows] for name in ("price", "valid_until", "counter")}
    price, valid_until, counter = (_clamped(column) for column in words.values())
    is_odd = np.logical_or.reduce([is_large(column) for column in words.values()])
    return _Asks(
        sequence=sequence,
        peer=peer[rows],
        kind=_whole([texts["kind"]])[rows],
        provider=peers.columns.provider[place[rows]],
        developer=_number_developers(texts["developer"], accounts)[rows],
        hash=_bytes([texts["hash"]], HASH_BYTES).view(">u8").astype(np.uint64)[rows],
        salt=_uint256([texts["salt"]])[rows],
        price=price,
        valid_until=valid_until,
        counter=counter,
        signature=_bytes([texts["signature"]], BYTES)[rows],
        large={
            int(sequence[row]): (
                _number(words["price"][row]),
                _number(words["valid_until"][row]),
                _number(words["counter"][row]),
            )
            for row in np.flatnonzero(is_odd).tolist()
        },
    )


def _number_developers(text: str, accounts: _Accounts) -> I32:
    """Return the numbers of those for whom asks are: nearly all are for anybody."""
    named = np.flatnonzero(_addresses([text]).any(axis=1))
    count = text.count(SEPARATOR) + 1
    numbers = np.full(count, accounts[ZERO_ADDRESS], np.int32)
    width = len(ZERO_ADDRESS) + len(SEPARATOR)
    listed = [text[width * row : width * (row + 1) - 1] for row in named.tolist()]
    numbers[named] = accounts.number(listed)
    return numbers


def _join(parts: Sequence[_Asks]) -> _Asks:
    """Return all asks in order of arrival."""
    if not parts:
        return _NO_ASKS
    order = _order(np.concatenate([part.sequence for part in parts]))
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])[order] for name in _COLUMNS
    }
    large = {sequence: numbers for part in parts for sequence, numbers in part.large.items()}
    return _Asks(**columns, large=large)


def _are_current(asks: _Asks, accounts: _Accounts, bumped: Mapping[str, int]) -> Bools:
    """Return which asks are signed for their provider's counter."""
    counters = np.zeros(len(accounts), np.int64)
    for account, counter in bumped.items():
        if account in accounts:
            counters[accounts[account]] = counter if counter <= LAST else NEVER
    found: Bools = asks.counter == counters[asks.provider]
    if asks.large:
        names = list(accounts)
        for row in _rows_of(asks, asks.large):
            _, _, counter = asks.large[int(asks.sequence[row])]
            found[row] = counter == bumped.get(names[asks.provider[row]], 0)
    return found


def _are_said(session: Session, asks: _Asks) -> Bools:
    """Return which asks are signed, or approved on chain, and not cancelled there."""
    said: Bools = asks.signature.any(axis=1)
    if not said.all():
        said[_rows_of(asks, fetch_approved_asks(session))] = True
    said[_rows_of(asks, fetch_cancelled_asks(session))] = False
    return said


def _rows_of(asks: _Asks, sequences: Iterable[int]) -> I64:
    """Return where these asks are, of those that are there."""
    wanted = np.fromiter(sequences, np.int64)
    place = np.searchsorted(asks.sequence, wanted)
    is_in = place < len(asks.sequence)
    wanted, place = wanted[is_in], place[is_in]
    found: I64 = place[asks.sequence[place] == wanted]
    return found


def _choose(asks: _Asks, accounts: Sequence[Address], holds: Bools, kind: PriceKind) -> AskColumns:
    """Return the asks of one kind that hold."""
    rows = np.flatnonzero(holds & (asks.kind == kind))
    columns = {f.name: getattr(asks, f.name)[rows] for f in fields(AskColumns) if f.name != "odd"}
    chosen = AskColumns(**columns)
    odd = {}
    if asks.large:
        for place, sequence in enumerate(chosen.sequence.tolist()):
            if sequence in asks.large:
                price, valid_until, counter = asks.large[sequence]
                odd[place] = ProviderOffer(
                    peer=int(chosen.peer[place]),
                    kind=kind,
                    price=price,
                    developer=accounts[chosen.developer[place]],
                    valid_until=valid_until,
                    counter=counter,
                    salt=_number(chosen.salt[place]),
                )
    return replace(chosen, odd=odd)


def _order(numbers: I64) -> I64 | slice:
    """Return how to take numbers, each once, in ascending order: as a rule as they are."""
    return slice(None) if (numbers[1:] > numbers[:-1]).all() else np.argsort(numbers)


def _addresses(texts: Sequence[str]) -> NDArray[np.uint32]:
    return _bytes(texts, ADDRESS_BYTES).view(np.uint32)


def _whole(texts: Sequence[str]) -> I64:
    return np.fromstring(SEPARATOR.join(texts), np.int64, sep=SEPARATOR)


def _uint256(texts: Sequence[str]) -> U64:
    """Return numbers of 78 digits as four words each, the highest first."""
    text = SEPARATOR.join(texts)
    if text:
        _check_width(text, UINT256_DIGITS)
    characters = np.frombuffer(bytearray(text, "ascii"), np.uint8)
    return read_decimals(characters, UINT256_DIGITS, UINT256_DIGITS + len(SEPARATOR))


def _bytes(texts: Sequence[str], size: int) -> NDArray[np.uint8]:
    """Return values of `size` bytes each, written as 0x and hex digits."""
    text = SEPARATOR.join(texts)
    if text:
        _check_width(text, len(HEX) + 2 * size)
    characters = np.frombuffer((text + SEPARATOR).encode("ascii") if text else b"", np.uint8)
    digits = characters.reshape(-1, len(HEX) + 2 * size + len(SEPARATOR))
    # Cut out by arrays: taking the same characters out of the text takes three times as long.
    cut = np.ascontiguousarray(digits[:, len(HEX) : -len(SEPARATOR)])
    return np.frombuffer(unhexlify(cut.data), np.uint8).reshape(-1, size)


def _check_width(text: str, width: int) -> None:
    """Check that all values in a joined text have so many characters. Raises Inconsistent."""
    count = text.count(SEPARATOR)
    if len(text) != (count + 1) * (width + 1) - 1 or text[width :: width + 1] != SEPARATOR * count:
        raise Inconsistent(
            f"the store has an offer whose hash, number or signature is not {width} characters",
            remedy="no version writes that: take back a copy of the store, or remove the offer",
        )


def _clamped(words: U64) -> I64:
    found: I64 = np.where(is_large(words), np.uint64(LAST), words[:, 3]).astype(np.int64)
    return found


def _number(words: U64) -> int:
    return int.from_bytes(words.astype(">u8").tobytes(), "big")


_COLUMNS = tuple(f.name for f in fields(_Asks) if f.name != "large")
_NUMBERS, _PLACES = np.zeros(0, np.int64), np.zeros(0, np.int32)
_WORDS = np.zeros((0, WORDS), np.uint64)
_NO_ASKS = _Asks(
    sequence=_NUMBERS,
    peer=_NUMBERS,
    kind=_NUMBERS,
    provider=_PLACES,
    developer=_PLACES,
    hash=_WORDS,
    salt=_WORDS,
    price=_NUMBERS,
    valid_until=_NUMBERS,
    counter=_NUMBERS,
    signature=np.zeros((0, BYTES), np.uint8),
    large={},
)
