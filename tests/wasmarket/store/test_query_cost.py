"""What a question costs the store: by what is asked, never by all that is there."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event, text

from tests.indexer.indexed import Indexed
from tests.wasmarket.store.test_queries import ASK, KEYS, match, register
from wasmarket.kernel import events
from wasmarket.kernel.addresses import to_address
from wasmarket.store.chain import epochs
from wasmarket.store.chain.assignments import fetch_assignments
from wasmarket.store.chain.audits import fetch_cases, fetch_contradictions
from wasmarket.store.chain.deals import fetch_deal_changes, fetch_deals
from wasmarket.store.chain.epochs import fetch_epoch, fetch_epochs
from wasmarket.store.chain.events import EventChoice, fetch_changes, fetch_events, fetch_latest
from wasmarket.store.chain.history import (
    fetch_batch_skips,
    fetch_claims,
    fetch_fill_skips,
    fetch_redemptions,
)
from wasmarket.store.chain.peers import fetch_peers, fetch_provider, fetch_providers
from wasmarket.store.chain.reputation.named_events import (
    WhoseEvents,
    fetch_named_events,
    fetch_proofs,
)
from wasmarket.store.chain.reputation.reading import fetch_peer_records, fetch_reputation
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.views import Position

pytestmark = pytest.mark.unit

PEOPLE = [to_address(bytes([n]) * 20) for n in range(1, 10)]


@pytest.fixture
def store(database):
    store = Indexed(database)
    yield store
    store.writer.close()


@pytest.fixture
def town(store):
    """Nine providers with a peer each, and a deal of all of them."""
    store.mine(*(register(n, PEOPLE[n - 1]) for n in range(1, 10)))
    store.mine(*match(1, PEOPLE[0], *((n, n) for n in range(1, 10))))
    return store


@contextmanager
def statements(database):
    """Collect the SQL of the block."""
    seen: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def plan_of(database, seen):
    """Return how SQLite would run what was asked."""
    lines = []
    with database.engine.connect() as connection:
        for statement, parameters in seen:
            if statement.startswith("SELECT"):
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                lines += [row[-1] for row in found]
    return lines


def test_fetch_providers__many_or_few__asks_as_often(town):
    with statements(town.database) as few:
        town.settled(fetch_providers, limit=1)
    with statements(town.database) as many:
        views = town.settled(fetch_providers, limit=100)

    assert len(views) == 9
    assert len(many) == len(few)
    assert views[2] == town.settled(fetch_provider, PEOPLE[2])
    assert (views[2].peers, views[2].alive_units, views[2].paid) == (1, 1, 0)


def test_fetch_provider__claims_paid__are_added_up_as_they_come(town):
    epoch = town.epoch
    town.mine(events.Activated(1, 1, epoch, 0, 50, 5))
    town.mine(events.Claimed(1, PEOPLE[0], epoch, 7, 0), epochs=3)
    town.mine(events.Claimed(1, PEOPLE[0], epoch + 1, 6, 0))
    assert town.settled(fetch_provider, PEOPLE[0]).paid == 13

    mark = town._tail[-2]
    town.writer.undo(mark.number, mark.hash)

    assert town.settled(fetch_provider, PEOPLE[0]).paid == 7


@pytest.mark.parametrize(
    "choice",
    [
        {"names": {"Matched"}},
        {"names": {"Matched", "Claimed", "Stopped"}},
        {"deal": 1},
        {"assignment": 1},
        {"peer": 1, "names": {"Claimed"}},
        {"account": PEOPLE[0]},
    ],
    ids=" and ".join,
)
def test_fetch_events__filtered__reads_an_index_in_its_order(town, choice):
    with statements(town.database) as seen:
        town.read(fetch_events, after=(1, 0), limit=50, chosen=EventChoice(**choice))

    plan = plan_of(town.database, seen)
    assert plan
    assert all("USING INDEX ix_event_" in line for line in plan), plan


@pytest.mark.parametrize(
    ("query", "options", "index"),
    [
        (fetch_deals, {"live_only": True}, "ix_deal_open"),
        (fetch_assignments, {"alive_only": True}, "ix_assignment_open"),
    ],
)
def test_fetch__only_what_lives__does_not_read_the_ended(town, query, options, index):
    with statements(town.database) as seen:
        town.settled(query, limit=10, **options)

    assert any(index in line for line in plan_of(town.database, seen))


@pytest.mark.parametrize(
    ("query", "options"),
    [
        (fetch_deals, {"developer": PEOPLE[0]}),
        (fetch_deals, {"app": KEYS[0]}),
        (fetch_assignments, {"deal": 1}),
        (fetch_assignments, {"peer": 1}),
        (fetch_peers, {"provider": PEOPLE[0]}),
        (fetch_peers, {"wallet": PEOPLE[0]}),
        (fetch_claims, {"assignment": 1}),
        (fetch_claims, {"provider": PEOPLE[0]}),
        (fetch_claims, {"deal": 1}),
        (fetch_redemptions, {"deal": 1}),
        (fetch_fill_skips, {"deal": 1}),
        (fetch_fill_skips, {"peer": 1}),
        (fetch_batch_skips, {"assignment": 1}),
        (fetch_cases, {"assignment": 1}),
        (fetch_cases, {"by": PEOPLE[0]}),
        (fetch_cases, {"state": 1}),
        (fetch_contradictions, {"assignment": 1}),
        (fetch_deal_changes, {"deal": 1}),
    ],
)
def test_fetch__of_one_thing__reads_no_table_whole(town, query, options):
    ask = town.settled if query in (fetch_deals, fetch_assignments) else town.read
    with statements(town.database) as seen:
        ask(query, limit=10, **options)

    plan = plan_of(town.database, seen)
    assert plan
    assert not [line for line in plan if line.startswith("SCAN") and "INDEX" not in line], plan


def test_fetch_changes__filter_that_nothing_passes__looks_at_each_event_once(town):
    nothing = EventChoice({"Stopped"})
    changes = town.read(fetch_changes, Position(0, 0, 0), chosen=nothing)

    assert (changes.events, changes.position) == ((), town.read(fetch_latest))
    town.mine(events.Stopped(1, town.epoch, 100))
    later = town.read(fetch_changes, changes.position, chosen=nothing)
    assert [event.name for event in later.events] == ["Stopped"]


def run_for_epochs(town, epochs):
    """Let peers start, prove, leave and be paid for some epochs."""
    start = town.epoch
    town.mine(*(events.Activated(n, 1, start, n * 1_000, 80, 5) for n in (1, 2, 3)))
    for epoch in range(start, start + epochs):
        town.mine(*(events.Committed(n, epoch, ASK) for n in (1, 2)), epochs=1)
        if epoch == start + 2:
            town.mine(events.Ended(2, 1, 2, epoch, 1, 48, 40, 10))
    return start


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_keep_totals__epochs_became_final__are_what_counting_gives(town, monkeypatch, at_once):
    start = run_for_epochs(town, 6)
    with town.database.read() as session:
        at = fetch_indexed(session)
        counted = fetch_epochs(session, at, start, at.final_epoch)
    monkeypatch.setattr(epochs, "AT_ONCE", at_once)

    assert town.writer.keep_totals() is False

    with statements(town.database) as seen:
        kept = town.settled(fetch_epochs, start, at.final_epoch)
    assert kept == counted
    assert kept[0].billed > 0
    assert not any("FROM assignment" in statement for statement, _ in seen)
    assert not town.writer.keep_totals()


@pytest.mark.parametrize("whose", [{"peer": 1}, {"provider": PEOPLE[0]}])
def test_fetch_reputation__kept_epochs__are_summed_by_indexes_alone(town, whose):
    run_for_epochs(town, 6)
    town.writer.keep_totals()
    with statements(town.database) as seen:
        view = town.settled(fetch_reputation, **whose)
        with town.database.read() as session:
            fetch_named_events(session, WhoseEvents(**whose), (), before=(10, 0), limit=5)
            fetch_proofs(session, WhoseEvents(**whose), 60, limit=5)

    assert view.windows[7].proven > 0
    asked = [statement for statement, _ in seen]
    assert not any("FROM assignment" in statement for statement in asked)
    plan = plan_of(town.database, seen)
    assert not [line for line in plan if line.startswith("SCAN") and "INDEX" not in line], plan


def test_fetch_reputation__many_peers_or_few__asks_as_often(town):
    run_for_epochs(town, 6)
    town.writer.keep_totals()
    with statements(town.database) as one:
        town.settled(fetch_reputation, peer=1)
    with statements(town.database) as whole:
        town.settled(fetch_peer_records)

    assert len(whole) <= len(one)


def test_keep_totals__blocks_undone__are_counted_again(town):
    start = run_for_epochs(town, 4)
    town.writer.keep_totals()
    before = town.settled(fetch_epoch, start)
    assert before.committed == 2

    [mark] = [m for m in town._tail if m.number == 4]
    town.writer.undo(mark.number, mark.hash)
    with town.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM epoch_total")) == 0

    del town._tail[town._tail.index(mark) + 1 :]
    town.chain.rollback(town.chain.head.number - mark.number)
    town.mine(events.Committed(3, start, KEYS[3]), epochs=5)
    town.writer.keep_totals()
    assert town.settled(fetch_epoch, start).committed == 1


def test_keep_totals__very_long_pause__is_done_in_parts(town, monkeypatch):
    monkeypatch.setattr("wasmarket.store.chain.writer.MOST_EPOCHS", 3)
    start = run_for_epochs(town, 2)
    town.mine(epochs=8)

    rounds = 1
    while town.writer.keep_totals():
        rounds += 1

    assert rounds > 2
    with town.database.read() as session:
        at = fetch_indexed(session)
        last = session.scalar(text("SELECT max(epoch) FROM epoch_total"))
    assert last == at.final_epoch > start + 6
