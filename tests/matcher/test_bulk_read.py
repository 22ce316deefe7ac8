"""Books read by whole columns are, array for array, those of the offers read one by one."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from matcher.engine.index.decimals import read_decimals
from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import Ask
from matcher.orderbook.bulk_read import read_books
from matcher.orderbook.signatures import Signatures
from matcher.orderbook.snapshot import to_peer
from tests.wasmarket.store.stores import copy_store, make_template
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.signing.offers import PriceKind, ProviderOffer
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.bulk import joined
from wasmarket.store.chain.peers import fetch_peers
from wasmarket.store.chain.state import fetch_counters, fetch_indexed
from wasmarket.store.enums import OfferSource
from wasmarket.store.errors import Inconsistent
from wasmarket.store.matching.live_offers import fetch_live_provider_offers
from wasmarket.store.matching.offers import add_provider_offer, withdraw_offer
from wasmarket.store.tables import (
    AccountRow,
    CursorRow,
    OfferCancellationRow,
    PeerCheckRow,
    PeerRow,
    ProviderOfferRow,
    PublishedOfferRow,
)

pytestmark = pytest.mark.unit

NOW = 1_000
LARGE = 2**256 - 1
SIGNATURE = "0x" + "ab" * 64
PROVIDERS = [Address("0x" + f"{number:040x}") for number in (1, 2, 3)]
DEVELOPERS = [ZERO_ADDRESS, Address("0x" + "d" * 40), PROVIDERS[0]]
COUNTERS = st.sampled_from((0, 0, 0, 1, 2**63 - 1, 2**63, LARGE))

ASKS = st.lists(
    st.tuples(
        st.integers(1, 9),  # peer: some are not registered
        st.sampled_from(PROVIDERS),
        st.sampled_from(PriceKind),
        st.sampled_from((0, 1, 5, 2**48, 2**63 - 1, 2**63, LARGE)) | st.integers(1, 9),
        st.sampled_from(DEVELOPERS),
        st.sampled_from((NOW - 1, NOW, NOW + 5, 2**63, LARGE)),
        COUNTERS,
        st.integers(0, LARGE),
        st.sampled_from(("signed", "signed", "published", "neither")),
        st.sampled_from(("", "", "", "cancelled", "withdrawn")),
    ),
    max_size=12,
)
PEERS = st.lists(
    st.tuples(
        st.sampled_from(PROVIDERS),
        st.integers(0, 2**16 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 255),
        st.integers(0, 2**96 - 1),
        st.booleans(),
    ),
    max_size=7,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def store(template, tmp_path_factory):
    database = copy_store(template, tmp_path_factory.mktemp("store") / "store.sqlite")
    yield database
    database.close()


FILLED = (
    AccountRow,
    CursorRow,
    OfferCancellationRow,
    PeerCheckRow,
    PeerRow,
    ProviderOfferRow,
    PublishedOfferRow,
)


def fill(session, peers, asks, counters):
    """Write this, and nothing else, into the store."""
    for kind in FILLED:
        session.execute(delete(kind))
    session.add(
        CursorRow(
            id=1,
            chain_id=1,
            market="0x" + "11" * 20,
            epoch_seconds=60,
            proof_window=1,
            block_number=9,
            block_hash="0x" + "22" * 32,
            timestamp=NOW,
        )
    )
    for number, (provider, units, memory, region, traits, answers) in enumerate(peers, 1):
        session.add(
            PeerRow(
                id=number,
                provider=provider,
                key="0x" + "33" * 32,
                units=units,
                used=min(units, number),
                memory_mib=memory,
                region=region,
                traits=traits,
                wallet=provider,
                endpoint="https://peer.example",
                registered_block=1,
                registered_at=1,
            )
        )
        session.add(
            PeerCheckRow(
                peer=number,
                endpoint="https://peer.example",
                key="0x" + "33" * 32,
                answers=answers,
                since=1,
                answered_at=1,
                failures=0,
                problem=None,
                next_at=0,
            )
        )
    for account, counter in zip(PROVIDERS, counters, strict=True):
        session.add(AccountRow(address=account, free=0, counter=counter, earned=0))
    for peer, provider, kind, price, developer, until, counter, salt, how, then in asks:
        ask = ProviderOffer(peer, kind, price, developer, until, counter, salt)
        hash_, is_new = add_provider_offer(
            session,
            ask,
            provider,
            signature=SIGNATURE if how == "signed" else None,
            source=OfferSource.POSTED if how == "signed" else OfferSource.PUBLISHED,
            received_at=1,
        )
        if is_new:
            say(session, hash_, provider, how, then)


def say(session, hash_, provider, how, then):
    if how == "published":
        session.add(
            PublishedOfferRow(
                account=provider, hash=hash_, block_number=1, log_index=1, data="", problem="none"
            )
        )
    if then == "cancelled":
        session.add(OfferCancellationRow(account=provider, hash=hash_, block_number=1))
    if then == "withdrawn":
        withdraw_offer(session, hash_)


def read_one_by_one(session, at, absent, *, reachable_only):
    """Return the books and signatures as offers, peers and counters that are objects give them."""
    live = [
        ask
        for ask in fetch_live_provider_offers(session, at, reachable_only=reachable_only)
        if ask.offer.peer not in absent
    ]
    rows = fetch_peers(session, limit=None)
    counters = fetch_counters(session, {row.provider for row in rows})
    books = {
        kind: OrderBook.load(
            at.timestamp,
            map(to_peer, rows),
            {account: counter for account, counter in counters.items() if counter},
            [Ask(Hash(a.hash), a.offer, a.sequence) for a in live if a.offer.kind == kind],
            kind,
        )
        for kind in PriceKind
    }
    return books, {Hash(ask.hash): ask.signature for ask in live}


@given(
    peers=PEERS,
    asks=ASKS,
    counters=st.tuples(COUNTERS, COUNTERS, COUNTERS),
    absent=st.sets(st.integers(1, 9), max_size=2),
    reachable_only=st.booleans(),
    chunk=st.sampled_from((1, 3, 65_536)),
)
@settings(max_examples=40, deadline=None, phases=[Phase.generate])
def test_read_books__any_store__is_what_single_offers_give(
    store, peers, asks, counters, absent, reachable_only, chunk
):
    with store.write() as session:
        fill(session, peers, asks, counters)
    with store.read() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(joined, "CHUNK", chunk)
        at = fetch_indexed(session)
        books, signatures = read_books(session, at, absent, reachable_only=reachable_only)
        expected = read_one_by_one(session, at, absent, reachable_only=reachable_only)

    assert dict(signatures) == expected[1]
    for kind, book in books.items():
        other = expected[0][kind]
        assert list(book.asks()) == list(other.asks())
        assert list(book.peers()) == list(other.peers())
        for mine, theirs in zip(used_columns(book), used_columns(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_read_books__counters_at_the_edge_of_a_column__hold_when_they_are_equal(store):
    peers = [(provider, 1, 1, 1, 1, True) for provider in PROVIDERS]
    counters = (2**63 - 1, 2**63, LARGE)
    asks = [
        (peer, provider, PriceKind.RESERVED, 1, ZERO_ADDRESS, NOW, counter, salt, "signed", "")
        for peer, provider in enumerate(PROVIDERS, 1)
        for salt, counter in enumerate((0, *counters))
    ]
    with store.write() as session:
        fill(session, peers, asks, counters)

    with store.read() as session:
        books, _ = read_books(session, fetch_indexed(session), (), reachable_only=False)

    assert [ask.offer.counter for ask in books[PriceKind.RESERVED].asks()] == list(counters)


def used_columns(book):
    """Return what kernels read of a book: its arrays, as far as they are used."""
    c, store = book.columns, book.storage
    blocks = c.directory[: c.state[0]]
    rows = [c.narrow[b, :, : c.sums[b, 0]] for b in blocks]
    wide = [c.wide[b, :, : c.sums[b, 0]] for b in blocks]
    return [
        blocks,
        *rows,
        *wide,
        c.sums[blocks],
        c.terms[: store.asks],
        c.words[: store.asks],
        c.links[: store.asks],
        c.peers[: store.peers],
        c.accounts[: store.accounts],
        c.state,
        c.by_hash,
    ]


def test_read_books__signature_of_another_length__is_refused(store):
    ask = ProviderOffer(1, 0, 1, ZERO_ADDRESS, NOW, 0, 0)
    with store.write() as session:
        fill(session, [(PROVIDERS[0], 1, 1, 1, 1, True)], [], (0, 0, 0))
        add_provider_offer(
            session,
            ask,
            PROVIDERS[0],
            signature="0xab",
            source=OfferSource.POSTED,
            received_at=1,
        )

    with store.read() as session, pytest.raises(Inconsistent, match=r"signature"):
        read_books(session, fetch_indexed(session), (), reachable_only=False)


@given(st.lists(st.integers(0, LARGE), max_size=9))
@settings(max_examples=30, deadline=None)
def test_read_decimals__any_uint256__are_its_words(numbers):
    text = np.frombuffer(bytearray(",".join(f"{n:078}" for n in numbers).encode()), np.uint8)

    words = read_decimals(text, 78, 79)

    assert [int.from_bytes(row.astype(">u8").tobytes(), "big") for row in words] == numbers


HASHES = [bytes([kind]) * 8 + bytes([number]) * 24 for kind in (1, 2) for number in (3, 4, 5)]
NAMES = [Hash("0x" + name.hex()) for name in HASHES]


@given(
    st.lists(st.sampled_from(range(len(HASHES))), unique=True),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("set", "none", "pop", "get")))),
)
@settings(max_examples=60, deadline=None)
def test_signatures__hashes_that_begin_alike__are_as_a_dict(first, changes):
    rows = [bytes([place] * 64) for place in range(len(first))]
    mine = Signatures(b"".join(HASHES[n] for n in first), b"".join(rows))
    other = {
        NAMES[n]: "0x" + row.hex() if any(row) else None for n, row in zip(first, rows, strict=True)
    }

    for name, what in changes:
        if what == "get":
            assert (name in mine, mine.get(name, "no")) == (name in other, other.get(name, "no"))
        elif what == "pop":
            assert mine.pop(name, "no") == other.pop(name, "no")
        else:
            mine[name] = other[name] = None if what == "none" else SIGNATURE

    assert (len(mine), dict(mine)) == (len(other), other)
    assert all(name not in mine for name in NAMES if name not in other)
