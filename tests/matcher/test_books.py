"""Book documents: equal inputs give equal bytes, and everything needed comes back."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.orderbook.document import (
    BookHead,
    digest_of,
    dump_book,
    load_book,
    replay,
    write_book,
)
from tests.matcher.markets import NOW, PROVIDERS, ask, book_of, demand, demands, markets, peer
from wasmarket.kernel.errors import BadContent
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.signing.typed_data import hash_offer

pytestmark = pytest.mark.unit

HEAD = BookHead(31337, PROVIDERS[0], 12, "0x" + "ab" * 32, NOW)


def rehash(book, wanted):
    """Give asks and demands their real hashes, as the store does."""
    asks = [replace(a, hash=hash_offer(a.offer), holds=True, cancelled=False) for a in book.asks()]
    counters = {p.provider: book.get_counter(p.provider) for p in book.peers()}
    return (
        book_of(book.peers(), asks, counters),
        [replace(d, hash=hash_offer(d.offer)) for d in wanted],
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_load_book__any_round__replays_exactly(data):
    drawn = data.draw(markets())
    book, wanted = rehash(drawn, [data.draw(demands(drawn, n)) for n in range(2)])
    signatures = {a.hash: "0x" + keccak(a.hash.encode()).hex() for a in book.asks()}
    content = dump_book(HEAD, book, wanted, signatures, [3, 1])

    document = load_book(content)

    assert (
        content == json.dumps(json.loads(content), sort_keys=True, separators=(",", ":")).encode()
    )
    assert document.head == HEAD
    assert {d.hash: d for d in document.demands} == {d.hash: d for d in wanted}
    computed, replayed = match_round(wanted, book), replay(document)
    assert [(m.demand, _lines(m)) for m in computed.matches] == [
        (m.demand, _lines(m)) for m in replayed.matches
    ]
    assert computed.bound == replayed.bound
    assert json.loads(content)["absent"] == [1, 3]


def _lines(match):
    return [(fill.ask.hash, fill.units) for fill in match.fills]


def test_write_book__next_round__shares_all_parts_but_those_around_what_changed():
    peers = [peer(n, provider=f"0x{n:040x}") for n in range(1, 201)]
    asks = [ask(n % 200 + 1, 10, sequence=n, salt=n) for n in range(1, 2_001)]
    gone = {100, 1_000, 1_777}
    same = dict.fromkeys((a.hash for a in asks), "0x" + "41" * 65)
    later = replace(HEAD, block=HEAD.block + 1)

    fewer = [entry for entry in asks if entry.sequence not in gone]

    first = write_book(HEAD, OrderBook.load(NOW, peers, {}, asks), [], same)
    second = write_book(later, OrderBook.load(NOW, peers, {}, fewer), [], same)

    assert len(set(first)) == len(first) > 30
    assert max(map(len, first)) < 512 * 1024
    # Each offer that went, the block, and the neighbours of what was first in its list.
    assert len(set(second) - set(first)) <= len(gone) + 3
    assert digest_of(*first) == digest_of(b"".join(first))


def test_dump_book__other_order__same_bytes():
    peers, asks = [peer(1), peer(2)], [ask(1, 10), ask(2, 10)]
    wanted = [demand(salt=1), demand(salt=2)]

    one = dump_book(HEAD, book_of(peers, asks), wanted, {})
    other = dump_book(HEAD, book_of(peers[::-1], asks[::-1]), wanted[::-1], {})

    assert digest_of(one) == digest_of(other)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version": 2}', b'{"version": 1}'])
def test_load_book__not_a_book__says_so(content):
    with pytest.raises(BadContent):
        load_book(content)
