"""Filling a store from a long chain: the same rows as block by block, and no index is lost."""

import pytest
from sqlalchemy import inspect

from indexer import chain_copy
from indexer.read_ahead import read_ahead
from tests.indexer.long_history import index_at_once, index_one_by_one, make_long_chain
from tests.wasmarket.store.stores import copy_store, dump
from wasmarket.kernel.errors import Unreachable
from wasmarket.store.chain.row_plans import appended_tables
from wasmarket.store.chain.writer import ChainWriter

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def chain():
    return make_long_chain()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(chain_copy, "EVENTS_AT_ONCE", 700)


def indexes(database):
    with database.connect() as connection:
        known = inspect(connection)
        return {
            entry["name"] for table in appended_tables() for entry in known.get_indexes(table.name)
        }


def test_take_turn__long_chain__has_the_rows_of_block_by_block(database, chain, template, tmp_path):
    before = indexes(database)
    other = copy_store(template, tmp_path / "other.sqlite")
    index_at_once(database, chain)
    index_one_by_one(other, chain)

    at_once, one_by_one = dump(database), dump(other)
    other.close()
    at_once.pop("block"), one_by_one.pop("block")
    assert at_once == one_by_one
    assert len(at_once["event"]) > 2_900
    assert indexes(database) == before


def test_take_turn__ended_in_a_backfill__the_next_makes_the_indexes(database, chain, monkeypatch):
    before = indexes(database)
    write, written = ChainWriter.apply, []

    def fail(self, ref, fill, **options):
        written.append(ref)
        if len(written) == 3:
            raise Unreachable("the disk is gone", remedy="bring it back")
        write(self, ref, fill, **options)

    monkeypatch.setattr(ChainWriter, "apply", fail)
    with pytest.raises(Unreachable):
        index_at_once(database, chain)
    assert indexes(database) < before

    index_at_once(database, chain)

    assert indexes(database) == before
    assert written[2] == written[3]


def test_read_ahead__error_of_the_reader__comes_after_what_was_read():
    def items():
        yield 1
        yield 2
        raise Unreachable("gone", remedy="wait")

    coming = read_ahead(items())
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(Unreachable):
        next(coming)
    assert list(read_ahead(iter([1, 2, 3]))) == [1, 2, 3]
