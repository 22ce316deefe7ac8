"""The questions that matter, at size and on both stores: none reads a large table whole."""

import json
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text

from bench.indexer.large_rows import Sizes, address, ask_of, hash_of
from bench.indexer.large_store import fill_store
from bench.matcher.markets import NOW
from tests.wasmarket.store.postgres import run_postgres
from tests.wasmarket.store.stores import copy_store, make_template
from tests.wasmarket.store.test_postgres import new_store
from wasmarket.store.chain.assignments import fetch_assignments, fetch_claimable
from wasmarket.store.chain.deals import fetch_deal, fetch_deal_of_offer, fetch_deals
from wasmarket.store.chain.departures import fetch_departures
from wasmarket.store.chain.events import (
    EventChoice,
    fetch_changes,
    fetch_events,
    fetch_latest_events,
)
from wasmarket.store.chain.history import fetch_claims
from wasmarket.store.chain.money import MoneyChoice, fetch_redemptions_of
from wasmarket.store.chain.peers import fetch_peers, fetch_provider, fetch_providers
from wasmarket.store.chain.reputation.reading import fetch_reputation
from wasmarket.store.chain.state import fetch_cancelled, fetch_counters, fetch_indexed
from wasmarket.store.matching.live_offers import (
    fetch_asks_of,
    fetch_live_provider_offers,
    fetch_offer_status,
)
from wasmarket.store.matching.offers import (
    fetch_changed_offers,
    fetch_developer_offers,
    fetch_provider_offers,
)
from wasmarket.store.tables import BookDocumentRow, MatchRecordRow
from wasmarket.store.views import Position

pytestmark = pytest.mark.e2e

SIZES = Sizes(60_000, 60_000)
KINDS = [kind for kind in SIZES.rows if kind not in (BookDocumentRow, MatchRecordRow)]
MIDDLE = (SIZES.blocks // 2, 0)
PAGE = 50
LARGE = 5_000
"""Rows of a table that no page may read whole."""

STEPS_AT_ONCE = 100
MOST_STEPS = 100_000
"""Of SQLite's machine for one page; the dearest, of providers, counts what each of them has."""

ONE, LARGEST = address(7), address(0)
DEVELOPER = address(SIZES.providers + 7)
QUESTIONS = {
    "events since": lambda s, at: fetch_changes(s, Position(SIZES.blocks - 1, 0, 0), limit=PAGE),
    "events by name": lambda s, at: fetch_events(
        s, after=MIDDLE, limit=PAGE, chosen=EventChoice({"Ended"})
    ),
    "events of a deal": lambda s, at: fetch_events(s, limit=PAGE, chosen=EventChoice(deal=7)),
    "events of an assignment": lambda s, at: fetch_events(
        s, limit=PAGE, chosen=EventChoice(assignment=7)
    ),
    "events of a peer": lambda s, at: fetch_events(s, limit=PAGE, chosen=EventChoice(peer=7)),
    "events of an account": lambda s, at: fetch_events(
        s, limit=PAGE, chosen=EventChoice(account=ONE)
    ),
    "newest events": lambda s, at: fetch_latest_events(s, limit=PAGE, chosen=EventChoice()),
    "a deal": lambda s, at: [fetch_deal(s, at, 7)],
    "deals": lambda s, at: fetch_deals(s, at, after=3_000, limit=PAGE),
    "deals of a developer": lambda s, at: fetch_deals(s, at, developer=DEVELOPER, limit=PAGE),
    "open deals": lambda s, at: fetch_deals(s, at, live_only=True, limit=PAGE),
    "the deal of an offer": lambda s, at: fetch_deal_of_offer(s, at, hash_of(7)),
    "assignments of a deal": lambda s, at: fetch_assignments(s, at, deal=7, limit=PAGE),
    "assignments of a peer": lambda s, at: fetch_assignments(s, at, peer=7, limit=PAGE),
    "live assignments": lambda s, at: fetch_assignments(s, at, alive_only=True, limit=PAGE),
    "what is claimable": lambda s, at: fetch_claimable(s, at, range(1, PAGE)),
    "claims of a provider": lambda s, at: fetch_claims(s, provider=ONE, limit=PAGE),
    "peers": lambda s, at: fetch_peers(s, after=3_000, limit=PAGE),
    "peers of a provider": lambda s, at: fetch_peers(s, provider=ONE, limit=PAGE),
    "a provider": lambda s, at: fetch_provider(s, at, ONE),
    "the largest provider": lambda s, at: fetch_provider(s, at, LARGEST),
    "its reputation": lambda s, at: fetch_reputation(s, at, provider=LARGEST),
    "vouchers of a provider": lambda s, at: fetch_redemptions_of(
        s, MoneyChoice(provider=ONE), None, PAGE
    ),
    "providers": lambda s, at: fetch_providers(s, at, after=ONE, limit=PAGE),
    "asks": lambda s, at: fetch_provider_offers(s, after=9_000, limit=PAGE),
    "asks of a provider": lambda s, at: fetch_provider_offers(s, provider=ONE, limit=PAGE),
    "asks of peers": lambda s, at: fetch_asks_of(s, peers=range(1, PAGE)),
    "asks that hold": lambda s, at: fetch_live_provider_offers(
        s, at, hashes=[ask_of(n) for n in range(PAGE)]
    ),
    "bids of a developer": lambda s, at: fetch_developer_offers(s, developer=DEVELOPER, limit=PAGE),
    "offers that changed": lambda s, at: fetch_changed_offers(s, SIZES.asks - PAGE),
    "a bid's status": lambda s, at: fetch_offer_status(s, at, hash_of(7)),
    "departures": lambda s, at: fetch_departures(s, range(1, PAGE)),
    "counters": lambda s, at: fetch_counters(s, [address(n) for n in range(PAGE)]),
    "cancellations": lambda s, at: fetch_cancelled(s, [(ONE, hash_of(n)) for n in range(PAGE)]),
}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def store(request, tmp_path_factory):
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sized")
        database = copy_store(make_template(folder), folder / "store.sqlite")
        fill_store(database, SIZES, KINDS)
        yield database
        database.close()
        return
    with run_postgres() as server:
        database = new_store(server)
        fill_store(database, SIZES, KINDS)
        yield database
        database.close()


@contextmanager
def statements(database):
    seen = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if statement.lstrip().startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def whole_reads(database, seen):
    """Return the large tables that these statements would read whole, with their statements."""
    large = {kind.__tablename__ for kind, size in SIZES.rows.items() if size > LARGE}
    found = []
    with database.connect() as connection:
        for statement, parameters in seen:
            if database.is_postgres:
                # As stores on solid-state disks are set: a page out of order costs little more.
                connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")
                plan = connection.exec_driver_sql(
                    f"EXPLAIN (FORMAT JSON) {statement}", parameters
                ).scalar_one()
                plan = json.loads(plan) if isinstance(plan, str) else plan
                names = list(_seq_scans(plan[0]["Plan"]))
            else:
                lines = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                names = [
                    line[-1].split()[1]
                    for line in lines
                    if line[-1].startswith("SCAN") and "INDEX" not in line[-1]
                ]
            found += [(name, statement) for name in names if name in large]
    return found


def _seq_scans(node):
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for part in node.get("Plans", ()):
        yield from _seq_scans(part)


@pytest.mark.parametrize("question", QUESTIONS)
def test_question__large_tables__are_not_read_whole(store, question):
    with store.read() as session:
        at = fetch_indexed(session)
        with statements(store) as seen:
            answer = QUESTIONS[question](session, at)

    assert seen
    assert answer or question == "cancellations"
    assert whole_reads(store, seen) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_question__on_sqlite__takes_few_steps(store, question):
    if store.is_postgres:
        pytest.skip("steps are counted by SQLite")
    steps = []
    with store.read() as session:
        at = fetch_indexed(session)
        driver = session.connection().connection.dbapi_connection
        driver.set_progress_handler(lambda: steps.append(1), STEPS_AT_ONCE)
        QUESTIONS[question](session, at)
        driver.set_progress_handler(None, 0)

    assert len(steps) * STEPS_AT_ONCE < MOST_STEPS, question


def test_whole_reads__question_without_an_index__are_seen(store):
    with store.read() as session, statements(store) as seen:
        session.execute(text("SELECT count(*) FROM event WHERE data = 'x'")).all()

    assert [name for name, _ in whole_reads(store, seen)] == ["event"]


def test_sizes__what_is_asked__is_there(store):
    with store.read() as session:
        assert fetch_indexed(session).timestamp == NOW
        assert len(fetch_developer_offers(session, limit=None)) == SIZES.bids
