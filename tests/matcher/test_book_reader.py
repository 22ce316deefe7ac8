"""The book for readers: how old it may be, and who looks for changes."""

import pytest

from matcher.orderbook.incremental import Feed
from matcher.orderbook.reader import PATIENCE_SECONDS, BookReader
from wasmarket.kernel.errors import Unreachable

pytestmark = pytest.mark.unit


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reader(town, clock):
    town.register_peer()
    town.post_ask(town.ask())
    reader = BookReader(town.database, 1.0, clock)
    with reader.reading():
        pass
    return reader


def offers_at_once(reader):
    with reader.at_once() as snapshot:
        return None if snapshot is None else len(snapshot.books[0])


def test_at_once__book_is_old__is_given_while_one_caller_looks(reader, town, clock):
    town.post_ask(town.ask(salt=1))
    fresh = reader.claim_look()
    clock.now += 1.1

    claims = [reader.claim_look(), reader.claim_look()]
    meanwhile = offers_at_once(reader)
    reader.look()

    assert (fresh, claims, meanwhile) == (False, [True, False], 1)
    assert offers_at_once(reader) == 2
    assert not reader.claim_look()


def test_at_once__nobody_looked_for_long__has_to_wait_for_a_look(reader, clock):
    clock.now += 1 + PATIENCE_SECONDS

    assert offers_at_once(reader) is None


def test_at_once__offer_came_in_here__has_to_wait_for_a_look(reader):
    reader.forget()

    assert (reader.claim_look(), offers_at_once(reader)) == (False, None)


def test_look__store_is_away__the_next_reader_learns_of_it(reader, clock, monkeypatch):
    def fail(_):
        raise Unreachable("the store is away")

    monkeypatch.setattr(Feed, "is_current", fail)
    clock.now += 1.1
    reader.claim_look()

    reader.look()

    assert offers_at_once(reader) is None
    with pytest.raises(Unreachable), reader.reading():
        pass
