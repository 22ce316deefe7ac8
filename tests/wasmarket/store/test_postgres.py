"""The same promises on PostgreSQL: migrations, one state per reader, leadership, the indexer."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from itertools import count

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, make_url, text

from indexer.loop import IndexLoop
from indexer.progress import Board
from tests.indexer.long_history import index_at_once, index_one_by_one, make_long_chain
from tests.indexer.market_machine import PROFILE, indexed_in
from tests.wasmarket.store.postgres import run_postgres
from tests.wasmarket.store.stores import RESIZES, dump, upgrade_with_resizes
from tests.wasmarket.store.test_processes import HOLD, UPGRADE
from wasmarket.kernel.errors import ConfigError, Unreachable
from wasmarket.kernel.events import Deposited
from wasmarket.kernel.units import Amount
from wasmarket.store.chain.state import fetch_account
from wasmarket.store.columns import Base
from wasmarket.store.database import Database, open_database
from wasmarket.store.enums import Uint
from wasmarket.store.leader import Leader, LeadershipLost
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import AccountRow
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

ANYONE = "0x" + "11" * 20
NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with run_postgres() as url:
        yield url


def new_database(server: str, template: str = "template1") -> str:
    """Make a database like `template`, an empty one, on the server and return its URL."""
    name = f"wasmarket_test_{next(NUMBERS)}"
    engine = create_engine(
        make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return str(make_url(server).set(database=name).render_as_string(hide_password=False))


@cache
def migrated_database(server: str) -> str:
    """Make a database with all migrations, once a server, and return its name."""
    url = new_database(server)
    database = open_database(url)
    upgrade(database)
    database.close()
    name = make_url(url).database
    assert name is not None
    return name


def new_store(server: str) -> Database:
    """Make a migrated store on the server: a copy of one, which takes a tenth of the time."""
    return open_database(new_database(server, migrated_database(server)))


@pytest.fixture
def store(server) -> Iterator[Database]:
    store = new_store(server)
    yield store
    store.close()


@pytest.fixture
def rival(store) -> Iterator[Database]:
    rival = open_database(store.engine.url.render_as_string(hide_password=False))
    yield rival
    rival.close()


def test_upgrade__new_database__has_the_tables_of_the_models(server):
    store = open_database(new_database(server))
    upgrade(store)
    with store.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []

    upgrade(store)
    store.close()


def test_upgrade__store_of_an_older_version__counts_the_events_that_are_there(server):
    database = open_database(new_database(server))

    assert upgrade_with_resizes(database) == RESIZES
    database.close()


def test_upgrade__processes_start_together__one_migrates_and_all_go_on(server):
    url = new_database(server)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    outcomes = [(p.communicate(b"go\n", timeout=180)[1][-300:], p.returncode) for p in processes]

    assert outcomes == [(b"", 0)] * 3


def test_read__another_writes_meanwhile__sees_one_state(store):
    with store.read() as session:
        assert fetch_account(session, ANYONE).free == 0
        with store.write() as writer:
            writer.add(AccountRow(address=ANYONE, free=Amount(5), counter=Uint(2**256 - 1)))
        session.expire_all()
        assert fetch_account(session, ANYONE).free == 0

    with store.read() as session:
        assert fetch_account(session, ANYONE).counter == 2**256 - 1


def test_open_database__no_server__is_unreachable():
    database = open_database("postgresql://me@127.0.0.1:1/none")

    with pytest.raises(Unreachable), database.read() as session:
        session.execute(text("SELECT 1"))


def test_upgrade__store_of_a_newer_version__is_refused(store):
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="newer version"):
        upgrade(store)


def test_leader__two_processes__one_leads_until_it_is_killed(store):
    url = store.engine.url.render_as_string(hide_password=False)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    leader = Leader(store, "indexer")
    assert not leader.acquire()

    holder.kill()
    holder.communicate()

    # The server notices the broken connection by itself.
    with leader:
        assert leader.wait(stop_never(), 0.05)


def test_check__lock_lost_and_another_took_over__is_fenced(store, rival):
    paused, next_leader = Leader(store, "indexer", "a"), Leader(rival, "indexer", "b")
    assert paused.acquire()
    assert paused._connection is not None
    with store.write() as session:
        pid = paused._connection.scalar(text("SELECT pg_backend_pid()"))
        session.execute(text("SELECT pg_terminate_backend(:pid, 1000)"), {"pid": pid})
    assert next_leader.wait(stop_never(), 0.05)

    with pytest.raises(LeadershipLost), store.write() as session:
        paused.check(session)

    next_leader.release()


def test_take_turn__reindex__exchanges_what_is_wrong_at_once(store):
    chain = FakeChain(fake_deployment())
    for free in range(1, 20):
        chain.mine(Deposited(ANYONE, 1, free))
    turns = [{}, {"reindex": True}, {}]
    for number, options in enumerate(turns):
        board = Board(CollectorRegistry())
        loop = IndexLoop(store, chain, chain.deployment, board, **options)
        loop.take_turn(stop_never())
        loop.close()
        if number == 0:
            right = dump(store)
            with store.write() as session:
                session.execute(text("DELETE FROM event WHERE block_number = 7"))
        else:
            assert dump(store) == right
    chain.reorg(2, [Deposited(ANYONE, 1, 5)])
    loop = IndexLoop(store, chain, chain.deployment, Board(CollectorRegistry()))
    loop.take_turn(stop_never())
    loop.close()

    with store.read() as session:
        assert fetch_account(session, ANYONE).free == 5
        schemas = session.scalars(text("SELECT nspname FROM pg_namespace")).all()
    assert "wasmarket_rebuild" not in schemas


def stop_never():
    """Return an event that nobody sets."""
    return threading.Event()


def test_index__random_history_with_reorgs__says_what_the_model_says(server):
    few = settings(PROFILE, max_examples=2)

    run_state_machine_as_test(indexed_in(lambda: new_store(server)), settings=few)


def test_take_turn__long_chain__has_the_rows_of_block_by_block(server):
    chain = make_long_chain()
    at_once, one_by_one = new_store(server), new_store(server)
    index_at_once(at_once, chain)
    index_one_by_one(one_by_one, chain)

    found, expected = dump(at_once), dump(one_by_one)
    at_once.close(), one_by_one.close()
    found.pop("block"), expected.pop("block")
    assert found == expected
