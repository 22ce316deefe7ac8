"""The book: what enters, leaves and stays, and in which order it is read."""

import pytest

from matcher.engine.auction.match import match_round
from matcher.engine.single.solve import match_one
from tests.matcher.markets import (
    LATER,
    NOW,
    PROVIDERS,
    ask,
    book_of,
    demand,
    name,
    peer,
    simple_book,
)

pytestmark = pytest.mark.unit


def test_advance__expired_ask__leaves_and_the_last_second_still_counts():
    book = book_of([peer(1), peer(2)], [ask(1, 10, valid_until=NOW), ask(2, 10)])

    assert book.advance(NOW) == []
    assert book.advance(NOW + 1) == [ask(1, 10, valid_until=NOW).hash]
    assert [a.offer.peer for a in book.asks()] == [2]


def test_set_counter__older_asks_of_that_provider__leave():
    book = book_of([peer(1), peer(2, provider=PROVIDERS[1])], [ask(1, 10), ask(2, 10), ask(9, 1)])

    dropped = book.set_counter(PROVIDERS[0], 1)

    assert dropped == [ask(1, 10).hash]
    assert len(book) == 2
    assert book.get_counter(PROVIDERS[0]) == 1
    assert book.get_counter(PROVIDERS[1]) == 0


def test_put_peer__drained_and_back__fills_again():
    book = book_of([peer(1, used=4)], [ask(1, 10)])

    drained = match_one(demand(units=1), book).units
    book.put_peer(peer(1, used=3))

    assert (drained, match_one(demand(units=1), book).units) == (0, 1)


def test_remove_peer__its_ask__fills_nothing():
    book = book_of([peer(1)], [ask(1, 10)])

    book.remove_peer(1)
    book.remove_peer(1)

    assert book.get_peer(1) is None
    assert match_one(demand(units=1), book).fills == ()


def test_add__same_hash_again__is_one_ask():
    book = book_of([peer(1)], [ask(1, 10), ask(1, 10)])

    assert len(book) == 1
    assert book.get_ask(ask(1, 10).hash) == ask(1, 10)


def test_remove__ask__is_gone_and_a_second_time_harmless():
    book = book_of([peer(1)], [ask(1, 10), ask(1, 11, valid_until=LATER)])

    assert book.remove(ask(1, 10).hash)
    assert not book.remove(ask(1, 10).hash)
    assert [a.offer.price for a in book.asks()] == [11]


def test_without__some_asks__is_a_book_less_these_and_leaves_the_shared_one_alone():
    book = simple_book((10, 2, 0, 0), (20, 2, 1, 0), (30, 2, 2, 0))
    first, second, _ = book.asks()

    view = book.without([first.hash]).without([second.hash, name("not there")])

    assert [entry.offer.price for entry in view.asks()] == [30]
    assert (len(view), view.get_ask(first.hash), len(view.rows().price)) == (1, None, 1)
    assert match_one(demand(units=2), view).total == 60
    assert match_one(demand(units=2), book).total == 20
    assert [entry.offer.price for entry in book.asks()] == [10, 20, 30]
    assert (len(book), book.get_ask(first.hash)) == (3, first)


def test_without__cheapest_ask_of_a_peer__its_next_one_stands_in():
    book = book_of([peer(1)], [ask(1, 10), ask(1, 12, salt=1)])
    [cheap, dear] = book.asks()
    view = book.without([cheap.hash])

    found = match_round([demand(units=1, salt=1), demand(units=1, salt=2)], view)

    assert {fill.ask.hash for match in found.matches for fill in match.fills} == {dear.hash}
