"""Verify stores after scenarios, and spoil them in every way that a verification must see."""

import sqlite3
from contextlib import closing

from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from indexer.verify.run import verify_store
from tests.wasmarket.store.stores import copy_store, make_template
from wasmarket.store.chain.table_scan import chain_tables
from wasmarket.store.database import open_database, sqlite_url

VIEWED = {
    "account": ("free", "counter"),
    "stake": ("free", "locked", "leaving", "ready"),
    "offer_cancellation": ("hash",),
    "published_offer": ("hash",),
    "market_state": ("paused", "owner"),
    "peer": ("units", "used", "provider", "memory_mib", "region", "wallet", "traits"),
    "deal": ("balance", "rate", "end", "units", "run", "developer", "offer"),
    "run_end": ("last",),
    "assignment": ("units", "price", "start", "next", "run", "deal", "peer"),
    "commitment": ("epoch", "peer"),
    "epoch_total": ("committed", "peers", "assignments", "units", "billed"),
    "peer_epoch": ("assignments", "units", "billed", "proven", "epoch"),
    "provider_epoch": ("active", "proven", "units", "billed", "proven_pay", "epoch"),
    "audit_case": ("kind", "state", "assignment", "by", "outcome", "jury"),
    "audit_vote": ("vote", "place"),
    "seat": ("peer", "since", "quit", "fines"),
    "audit_account": ("free",),
    "block": ("hash", "parent", "timestamp"),
}
"""Columns that contracts have views of."""

MONEY = 78
"""Digits of a uint256 as text."""


def verify_chain(rpc, deployment, folder, **options):
    """Index a chain into a store of its own, and return store and verdict."""
    database = copy_store(make_template(folder), folder / "verified.sqlite")
    loop = IndexLoop(database, rpc, deployment, Board(CollectorRegistry()))
    loop.take_turn(_Never())
    loop.close()
    return database, verify_store(database, rpc, deployment, **options)


class _Never:
    """A stop that never comes."""

    def is_set(self):
        return False


def spoil(path, table, column):
    """Make one row of a SQLite store say something else; False if no row has the column."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        found = connection.execute(
            f'SELECT rowid, "{column}" FROM "{table}" WHERE {_relevant(table, column)} '
            "ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        if found is None:
            return False
        row, value = found
        other = value + 1 if isinstance(value, int) else _another_text(value)
        connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (other, row))
        connection.commit()
    return True


def _relevant(table, column):
    """Choose rows of which the chain still knows the column."""
    if table == "assignment":
        return f"\"{column}\" IS NOT NULL AND state IN ('active', 'ended')"
    return f'"{column}" IS NOT NULL'


def _another_text(value):
    if len(value) == MONEY:
        return f"{int(value) + 1:0{MONEY}}"
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def check_spoilt_views(database, rpc, deployment, folder):
    """Assert that each viewed column is seen once it is spoilt; return the tables that had rows."""
    seen = set()
    for at in range(max(map(len, VIEWED.values()))):
        spoilt = open_database(sqlite_url(_copy(database, folder / f"{at}.sqlite")))
        tables = {
            table
            for table, columns in VIEWED.items()
            if at < len(columns) and spoil(spoilt.path, table, columns[at])
        }
        verdict = verify_store(spoilt, rpc, deployment)
        spoilt.close()
        found = {difference.table for difference in verdict.differences}
        assert found >= tables, (at, tables - found)
        seen |= tables
    return seen


def check_spoilt_rows(database, rpc, deployment, folder):
    """Assert that a replay sees a missing row of each table; return the tables that had rows."""
    path = _copy(database, folder / "rows.sqlite")
    tables = set()
    with closing(sqlite3.connect(path)) as connection:
        for table in chain_tables():
            if table == "epoch_total":
                continue
            gone = connection.execute(
                f'DELETE FROM "{table}" WHERE rowid = (SELECT max(rowid) FROM "{table}")'
            )
            tables |= {table} if gone.rowcount else set()
        connection.commit()
    spoilt = open_database(sqlite_url(path))
    verdict = verify_store(spoilt, rpc, deployment, replays=True)
    spoilt.close()
    found = {difference.table for difference in verdict.differences}
    assert found >= tables, tables - found
    return tables


def _copy(database, path):
    with closing(sqlite3.connect(database.path)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    return path
