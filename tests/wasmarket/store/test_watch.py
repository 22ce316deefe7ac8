"""The watch over a store: news after a write of anybody, and only then."""

import pytest
from sqlalchemy import create_engine

from wasmarket.kernel.errors import InvalidInput
from wasmarket.store.database import Database, open_database
from wasmarket.store.tables import LeadershipRow
from wasmarket.store.watch import StoreWatch

pytestmark = pytest.mark.unit


@pytest.fixture
def watch(database):
    watch = StoreWatch(database)
    yield watch
    watch.close()


def write(database, name="somebody"):
    with database.write() as session:
        session.add(LeadershipRow(name=name, token=1, holder="a"))


def write_and_fail(database):
    with database.write() as session:
        session.add(LeadershipRow(name="somebody", token=1, holder="a"))
        session.flush()
        raise InvalidInput("no")


def test_has_news__nobody_wrote__only_the_first_time(database, watch):
    asked = [watch.has_news() for _ in range(3)]

    with database.read() as session:
        session.get(LeadershipRow, "somebody")

    assert asked == [True, False, False]
    assert not watch.has_news()


def test_has_news__own_process_wrote__once(database, watch):
    watch.has_news()

    write(database)

    assert [watch.has_news(), watch.has_news()] == [True, False]


def test_has_news__another_process_wrote__once(database, watch):
    watch.has_news()
    other = open_database(str(database.engine.url))

    write(other)
    other.close()

    assert [watch.has_news(), watch.has_news()] == [True, False]


def test_has_news__write_was_taken_back__is_none(database, watch):
    watch.has_news()

    with pytest.raises(InvalidInput):
        write_and_fail(database)

    assert not watch.has_news()


def test_has_news__clock_went_on__is_some(watch):
    assert [watch.has_news(now) for now in (7, 7, 8, 8)] == [True, False, True, False]


def test_take__step_that_fails__is_due_again(watch):
    taken = []

    def fail():
        taken.append("failed")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        watch.take(fail, 7)
    watch.take(lambda: taken.append("done"), 7)
    watch.take(lambda: taken.append("too often"), 7)

    assert taken == ["failed", "done"]


def test_has_news__store_that_cannot_count__is_always(tmp_path):
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    watches = StoreWatch(Database(engine)), StoreWatch(open_database(f"sqlite:///{tmp_path}/no"))

    assert [[watch.has_news() for _ in range(2)] for watch in watches] == [[True, True]] * 2
