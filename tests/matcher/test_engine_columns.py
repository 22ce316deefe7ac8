"""The columns against plain Python: the same book and the same matches after any events."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.engine.index import layout
from matcher.engine.index.order_book import OrderBook
from matcher.engine.rules import is_accepted
from matcher.engine.single.solve import match_one
from tests.matcher.markets import (
    DEVELOPER,
    LATER,
    NOW,
    PROVIDERS,
    ask,
    demands,
    peer,
    peer_terms,
)
from tests.matcher.plain_engine import PlainBook, best_lines, eligible
from wasmarket.kernel.addresses import ZERO_ADDRESS

pytestmark = pytest.mark.unit

HUGE = (2**63, 2**200, 2**256 - 1)
peer_numbers = st.integers(1, 6)
asks = st.builds(
    ask,
    st.sampled_from([1, 2, 3, 4, 5, 6, 99, 2**64]),
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 2**48 - 1, 2**48]),
    salt=st.sampled_from([0, 1, 2**256 - 1]),
    sequence=st.integers(0, 3),
    holds=st.sampled_from([True] * 9 + [False]),
    cancelled=st.sampled_from([False] * 9 + [True]),
    counter=st.sampled_from([0, 0, 0, 1, 2**255]),
    valid_until=st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 2, LATER, *HUGE]),
    developer=st.sampled_from([ZERO_ADDRESS] * 4 + [DEVELOPER, PROVIDERS[0]]),
)
peers = st.builds(lambda n, terms: peer(n, **terms), peer_numbers, peer_terms).map(
    lambda p: replace(p, used=min(p.used, p.units))
)
events = st.lists(
    st.one_of(
        st.tuples(st.just("add"), asks),
        st.tuples(st.just("add"), asks),
        st.tuples(st.just("put_peer"), peers),
        st.tuples(st.just("put_peer"), peers),
        st.tuples(st.just("remove"), st.integers(0, 20)),
        st.tuples(st.just("remove_peer"), peer_numbers),
        st.tuples(
            st.just("set_counter"),
            st.tuples(st.sampled_from(PROVIDERS[:3]), st.sampled_from([0, 0, 1, 2**255])),
        ),
        st.tuples(st.just("advance"), st.sampled_from([NOW, NOW + 1, NOW + 2, NOW + 3])),
    ),
    max_size=60,
)


def play(book, event, argument):
    """Do the same to any book, and return what it answers."""
    if event == "set_counter":
        return set(book.set_counter(*argument))
    if event == "advance":
        return set(book.advance(argument))
    if event == "remove":
        known = [entry.hash for entry in book.asks()]
        return bool(known) and book.remove(known[argument % len(known)])
    return getattr(book, event)(argument)


def check_alike(book, plain):
    assert list(book.asks()) == list(plain.asks())
    assert list(book.peers()) == list(plain.peers())
    assert len(book) == len(plain)
    for account in PROVIDERS:
        assert book.get_counter(account) == plain.get_counter(account)
    for entry in plain.asks():
        assert book.get_ask(entry.hash) == entry


def check_sums(book):
    """No block may promise less than its rows hold, and blocks stand in order."""
    c = book.columns
    slots = []
    for block in c.directory[: c.state[layout.DIRECTORY]]:
        count = c.sums[block, layout.COUNT]
        assert count
        for place in range(count):
            slot = c.narrow[block, layout.SLOT, place]
            slots.append(slot)
            assert c.links[slot, layout.L_BLOCK] == block
            assert c.sums[block, layout.MAX_FREE] >= c.narrow[block, layout.FREE, place]
            assert c.sums[block, layout.MIN_VALID] <= c.terms[slot, layout.T_VALID]
    assert len(set(slots)) == len(slots) == len(book)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_book__any_events__reads_and_matches_like_plain_python(data):
    book, plain = OrderBook(NOW), PlainBook(NOW)
    for event, argument in data.draw(events):
        assert play(book, event, argument) == play(plain, event, argument)
    check_alike(book, plain)
    check_sums(book)
    wanted = data.draw(demands(plain))
    wanted = replace(wanted, avoid=frozenset(data.draw(st.sets(peer_numbers, max_size=2))))
    taken = data.draw(st.dictionaries(peer_numbers, st.integers(0, 3), max_size=2))

    match = match_one(wanted, book, taken)

    expected = best_lines(wanted, plain, taken)
    assert match.is_exact
    assert (match.units, match.total) == (
        sum(n for _, n in expected),
        sum(n * entry.offer.price for entry, n in expected),
    )
    spare = {p.id: replace(p, used=p.used + taken.get(p.id, 0)) for p in plain.peers()}
    for left in spare.values():
        book.put_peer(left)
    assert not match.fills or is_accepted(wanted, match.fills, book)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_feasible__any_events__what_plain_python_finds(data):
    book, plain = OrderBook(NOW), PlainBook(NOW)
    for event, argument in data.draw(events):
        play(book, event, argument)
        play(plain, event, argument)
    wanted = data.draw(demands(plain))

    rows = book.rows()
    found = book.feasible(wanted)

    expected = [(entry, units) for entry, _, units in eligible(wanted, plain, {})]
    assert [(book.ask_at(rows.slot[n]), rows.free[n]) for n in found] == expected
    assert book.feasible(wanted, most=1).tolist() == found[:1].tolist()


@pytest.fixture
def many():
    draw = random.Random(7)
    peers = [
        peer(n, provider=PROVIDERS[draw.randrange(4)], units=draw.randrange(1, 9))
        for n in range(1, 400)
    ]
    asks = [
        ask(draw.randrange(1, 402), draw.randrange(1, 60), salt=n, sequence=draw.randrange(90))
        for n in range(4_000)
    ]
    return peers, asks


def test_load__many_asks__as_added_one_by_one_in_any_order(many):
    peers, asks = many
    one_by_one = OrderBook(NOW)
    for entry in asks[::-1]:
        one_by_one.add(entry)
    for entry in peers[::-1]:
        one_by_one.put_peer(entry)

    loaded = OrderBook.load(NOW, peers, {}, [*asks, *asks[:9]])

    assert list(loaded.asks()) == list(one_by_one.asks()) == sorted(asks, key=lambda a: a.order)
    check_sums(loaded)
    check_sums(one_by_one)


def test_remove__many_asks__blocks_merge_and_the_rest_stays_in_order(many):
    peers, asks = many
    book = OrderBook.load(NOW, peers, {}, asks)
    random.Random(3).shuffle(asks)

    for gone in range(0, 4_000, 500):
        for entry in asks[gone : gone + 500]:
            assert book.remove(entry.hash)
        assert list(book.asks()) == sorted(asks[gone + 500 :], key=lambda a: a.order)
        check_sums(book)
    assert len(book) == 0
    book.add(asks[0])
    assert list(book.asks()) == [asks[0]]


@settings(max_examples=40, deadline=None)
@given(st.lists(peers, max_size=12), st.lists(asks, max_size=12), st.data())
def test_load__any_contents__as_added_one_by_one(some_peers, some_asks, data):
    counters = data.draw(st.dictionaries(st.sampled_from(PROVIDERS[:3]), st.integers(0, 1)))
    plain = PlainBook(NOW)
    for entry in some_peers:
        plain.put_peer(entry)
    for account, counter in counters.items():
        plain.set_counter(account, counter)
    for entry in some_asks:
        plain.add(entry)

    book = OrderBook.load(NOW, some_peers, counters, some_asks)

    check_alike(book, plain)
    check_sums(book)
    wanted = data.draw(demands(plain))
    assert match_one(wanted, book).units == sum(n for _, n in best_lines(wanted, plain))
