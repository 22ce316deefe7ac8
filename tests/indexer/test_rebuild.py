"""Reading the chain again: beside what is served, which stays whole until it is exchanged."""

import threading

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from indexer import rebuild
from indexer.loop import IndexLoop
from indexer.progress import Board
from indexer.run import read_status
from tests.wasmarket.store.stores import dump
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.events import Deposited
from wasmarket.store.chain.events import fetch_changes, fetch_events, fetch_latest
from wasmarket.store.chain.state import fetch_account, fetch_indexed
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

ANYONE = to_address(b"\x11" * 20)
NEVER = threading.Event()
COUNT = 30


@pytest.fixture
def chain():
    chain = FakeChain(fake_deployment())
    for free in range(1, COUNT + 1):
        chain.mine(Deposited(ANYONE, 1, free))
    return chain


@pytest.fixture
def start(database, chain):
    """Start indexers one after the other, each after the end of the one before."""
    started = []

    def make(**options):
        for loop in started:
            loop.close()
        board = Board(CollectorRegistry())
        loop = IndexLoop(database, chain, chain.deployment, board, **options)
        loop.board = board
        started[:] = [loop]
        return loop

    yield make
    for loop in started:
        loop.close()


def read(database, query, *arguments, **options):
    with database.read() as session:
        return query(session, *arguments, **options)


def spoil(database):
    """Make the store say what the chain never said; return the state of before."""
    before = dump(database)
    with database.write() as session:
        session.execute(text("DELETE FROM event WHERE block_number = 7"))
        session.execute(text("UPDATE account SET free = 12345"))
    return before


def test_take_turn__reindex__exchanges_what_is_wrong_and_tells_readers(start, database):
    start().take_turn(NEVER)
    right = spoil(database)
    position = read(database, fetch_latest)

    start(reindex=True).take_turn(NEVER)

    assert dump(database) == right
    changes = read(database, fetch_changes, position)
    assert changes.reorg_to == 0
    again = read(database, fetch_changes, changes.position, limit=1_000)
    assert len(again.events) == COUNT


def test_take_turn__reindex__serves_and_follows_the_old_until_the_new_is_whole(
    start, database, chain, monkeypatch
):
    start().take_turn(NEVER)
    spoil(database)
    monkeypatch.setattr(rebuild, "SLICE_SECONDS", 0.0)
    loop = start(reindex=True)
    seen = []

    def look():
        if loop.board.progress.rebuilt is None:
            return
        events = len(read(database, fetch_events, limit=None))
        seen.append((events, read(database, fetch_indexed).block - chain.head.number))
        if len(seen) == 2:
            chain.mine(Deposited(ANYONE, 1, 777))
        assert read_status(loop.board, chain.deployment).extra["rebuilt"] is not None

    loop.take_turn(NEVER, look)

    assert len(seen) > 5
    assert min(events for events, _ in seen) == COUNT - 1
    assert {behind for _, behind in seen[3:]} <= {0, -1}
    assert len(read(database, fetch_events, limit=None)) == COUNT + 1
    assert read(database, fetch_account, ANYONE).free == 777
    assert loop.board.progress.rebuilt is None


def test_take_turn__reindex_of_a_chain_that_was_reset__ends_with_the_new_chain(
    start, database, chain
):
    start().take_turn(NEVER)
    chain.rollback(1)
    chain._blocks.clear()
    chain._fork += 1
    chain.mine_many(90)
    chain.mine(Deposited(ANYONE, 1, 5))

    start(reindex=True).take_turn(NEVER)

    assert read(database, fetch_account, ANYONE).free == 5
    assert read(database, fetch_indexed).block_hash == chain.head.hash


def test_take_turn__node_fails_while_it_is_read_again__goes_on_where_it_was(
    start, database, chain, monkeypatch
):
    chain.mine_many(60)
    start().take_turn(NEVER)
    right = spoil(database)
    loop = start(reindex=True)
    monkeypatch.setattr(rebuild, "SLICE_SECONDS", 0.0)
    beats = []

    def beat():
        beats.append(loop.board.progress.rebuilt)
        chain.offline |= len(beats) == 10

    with pytest.raises(Unreachable):
        loop.take_turn(NEVER, beat)
    assert len(read(database, fetch_events, limit=None)) == COUNT - 1
    chain.offline = False
    loop.take_turn(NEVER, beat)

    assert dump(database) == right
    assert len([at for at in beats if at]) < 300


def test_close__in_the_middle_of_it__leaves_the_old_and_no_file(start, database, monkeypatch):
    start().take_turn(NEVER)
    spoil(database)
    before = dump(database)
    monkeypatch.setattr(rebuild, "SLICE_SECONDS", 0.0)
    stop = threading.Event()
    loop = start(reindex=True)

    loop.take_turn(stop, stop.set)
    loop.close()

    assert dump(database) == before
    assert [path.name for path in database.path.parent.iterdir() if "rebuild" in path.name] == []


def test_take_turn__reindex_of_an_empty_store__reads_it_once(start, database, chain):
    start(reindex=True).take_turn(NEVER)

    assert len(read(database, fetch_events, limit=None)) == COUNT
    assert read(database, fetch_latest).reorg == 0
