"""A store of a large market, written by SQL alone: rows by the million from a series.

No chain stands behind it and no indexer filled it: numbers agree as far as pages look at them.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.indexer.large_rows import EPOCH, EPOCH_SECONDS, Sizes, columns_of, hash_of
from bench.matcher.markets import NOW
from wasmarket.kernel.units import BlockNumber
from wasmarket.store.chain.reputation.peer_epochs import keep_provider_epochs
from wasmarket.store.chain.row_plans import plan_of
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import CursorRow

Execute = Callable[[str], object]

# As SQLite has it, as far as it is used here.
POSTGRES_PRINTF = """
CREATE OR REPLACE FUNCTION printf(pattern text, width int, number bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT lpad(CASE pattern WHEN '%0*x' THEN to_hex(number) ELSE number::text END, width, '0')
$$"""


def fill_large_store(path: Path, sizes: Sizes) -> None:
    """Make a store of these sizes. Takes some minutes and some gigabytes for ten million events."""
    database = open_database(sqlite_url(path))
    upgrade(database)
    database.close()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for setting in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.execute("PRAGMA cache_size=-400000")
        listed = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        indexes = connection.execute(listed).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        _fill_tables(connection.execute, sizes, sizes.rows)
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    finally:
        connection.close()
    database = open_database(sqlite_url(path))
    _add_up(database, sizes)
    database.close()


def fill_store(database: Database, sizes: Sizes, kinds: Iterable[type[Any]]) -> None:
    """Fill tables of an empty, migrated store of either kind, and let the planner count them."""
    with database.connect() as connection:
        if database.is_postgres:
            connection.exec_driver_sql(POSTGRES_PRINTF.replace("%", "%%"))

        def execute(statement: str) -> object:
            # Drivers of PostgreSQL look for parameters.
            written = statement.replace("%", "%%") if database.is_postgres else statement
            return connection.exec_driver_sql(written)

        _fill_tables(execute, sizes, kinds)
    _add_up(database, sizes)
    if database.is_postgres:
        # SQLite is as in production, where nobody counts for it.
        with database.connect() as connection:
            connection.exec_driver_sql("ANALYZE")


def _fill_tables(execute: Execute, sizes: Sizes, kinds: Iterable[type[Any]]) -> None:
    names = ", ".join(f'"{column.name}"' for column in plan_of(CursorRow).table.c)
    market, newest = "0x" + "11" * 20, hash_of(sizes.blocks)
    execute(
        f"INSERT INTO cursor ({names}) VALUES "
        f"(1, 1, '{market}', {EPOCH_SECONDS}, 1, {sizes.blocks}, '{newest}', {NOW})"
    )
    execute(f"UPDATE offer_clock SET version = {sizes.asks}")
    for kind in kinds:
        columns = columns_of(sizes, kind)
        names = ", ".join(f'"{name}"' for name in columns)
        execute(
            f'INSERT INTO "{plan_of(kind).table.name}" ({names}) '
            f"WITH RECURSIVE series(n) AS (SELECT CAST(0 AS BIGINT) "
            f"UNION ALL SELECT n + 1 FROM series WHERE n + 1 < {sizes.rows[kind]}) "
            f"SELECT {', '.join(columns.values())} FROM series"
        )


def _add_up(database: Database, sizes: Sizes) -> None:
    """Keep what the indexer adds up of what it keeps."""
    with database.write() as session:
        keep_provider_epochs(session, 0, EPOCH, BlockNumber(sizes.blocks))
