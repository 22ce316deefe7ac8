"""Leadership: one at a time, gone with its process, fenced when it was paused too long."""

import threading

import pytest
from sqlalchemy import select

from wasmarket.store.database import open_database
from wasmarket.store.leader import Leader, LeadershipLost
from wasmarket.store.tables import LeadershipRow

pytestmark = pytest.mark.unit


@pytest.fixture
def rival(database):
    other = open_database(str(database.engine.url))
    yield other
    other.close()


def test_acquire__second_process__waits_its_turn(database, rival):
    first, second = Leader(database, "indexer", "a"), Leader(rival, "indexer", "b")

    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_acquire__another_task__is_free(database, rival):
    with Leader(database, "indexer") as first, Leader(rival, "submitter") as second:
        assert first.is_held
        assert second.is_held


def test_check__leader__passes_and_holder_is_shown(database):
    with Leader(database, "indexer", "me") as leader, database.write() as session:
        leader.check(session)
        assert session.scalar(select(LeadershipRow.holder)) == "me"


def test_check__another_took_over__is_fenced(database, rival):
    paused = Leader(database, "indexer", "paused")
    paused.acquire()
    # What the system does to a process whose file lock is lost, as on a network file system.
    token, paused._token = paused._token, None
    paused.release()
    next_leader = Leader(rival, "indexer", "next")
    assert next_leader.acquire()
    paused._token = token

    with pytest.raises(LeadershipLost), database.write() as session:
        paused.check(session)

    assert not paused.is_held
    next_leader.release()


def test_check__never_acquired__is_refused(database):
    with pytest.raises(LeadershipLost), database.write() as session:
        Leader(database, "indexer").check(session)


def test_wait__stopped_before_its_turn__gives_up(database, rival):
    stop = threading.Event()
    stop.set()
    with Leader(database, "indexer"):
        assert not Leader(rival, "indexer").wait(stop, 0)
