"""PgBouncer in transaction mode before PostgreSQL: leaders, statements and stories as without."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.wasmarket.store.postgres import run_pgbouncer, run_postgres
from tests.wasmarket.store.test_postgres import new_store
from wasmarket.store.chain.writer import fetch_tail
from wasmarket.store.database import open_database
from wasmarket.store.leader import Leader, LeadershipLost

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

THREADS = 8
READS = 25
"""Of each thread: drivers prepare a statement once it was used a few times."""


@pytest.fixture(scope="module")
def server():
    with run_postgres() as url:
        yield url


@pytest.fixture
def pooled(server):
    """The URL of a store behind a pooler that has fewer connections than it is given."""
    direct = new_store(server)
    with run_pgbouncer(server) as url:
        pooled = make_url(url).set(database=direct.engine.url.database)
        yield pooled.render_as_string(hide_password=False)
    direct.close()


def test_statements__many_connections_over_few__are_never_another_ones(pooled):
    database = open_database(pooled)

    def read(_):
        for _ in range(READS):
            with database.read() as session:
                assert fetch_tail(session) == []
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(read, range(THREADS)))
    database.close()


def test_leader__lent_connections__one_leads_until_it_ends(pooled):
    first, second = open_database(pooled), open_database(pooled)
    leader, other = Leader(first, "indexer", "a"), Leader(second, "indexer", "b")

    assert leader.acquire()
    for _ in range(THREADS):
        # Whichever connection of the server these get, the lock is not theirs.
        assert not other.acquire()
        with first.write() as session:
            leader.check(session)
    leader.release()
    assert other.acquire()
    with pytest.raises(LeadershipLost), first.write() as session:
        leader.check(session)

    other.release()
    first.close()
    second.close()


def test_leader__connection_cut_by_the_server__another_takes_over_and_it_is_fenced(server):
    store = new_store(server)
    rival = open_database(store.engine.url.render_as_string(hide_password=False))
    leader, other = Leader(store, "indexer", "a"), Leader(rival, "indexer", "b")
    assert leader.acquire()

    with rival.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        )
    pause = threading.Event()
    while not other.acquire():
        pause.wait(0.05)
    with pytest.raises(LeadershipLost), store.write() as session:
        leader.check(session)

    other.release()
    store.close()
    rival.close()
