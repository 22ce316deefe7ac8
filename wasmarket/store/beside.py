"""A second set of tables beside a store, filled unseen and then put in its place.

SQLite: a file beside the store's; PostgreSQL: a schema of its own. Only what came from the chain
is exchanged, in one transaction; what matchers keep stays.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, text
from sqlalchemy.orm import Session

from wasmarket.store.chain.row_plans import appended_tables, journaled_tables
from wasmarket.store.chain.writer import note_rebuilt
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.errors import translated
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import BlockRow, CursorRow, JournalRow

SCHEMA = "wasmarket_rebuild"
COPIED = 1_000
"""Rows in memory at once when one store is copied into another."""


def open_beside(database: Database) -> Database:
    """Make a new, empty set of tables beside a store; one that is there is dropped."""
    discard_beside(database)
    if database.is_postgres:
        with database.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        url = database.engine.url.update_query_dict({"options": f"-csearch_path={SCHEMA}"})
        beside = open_database(url.render_as_string(hide_password=False))
    else:
        beside = open_database(sqlite_url(_path_of(database)))
    upgrade(beside)
    return beside


def discard_beside(database: Database) -> None:
    """Drop the tables beside a store, if there are any."""
    if database.is_postgres:
        with database.connect() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        return
    path = _path_of(database)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def take_over(database: Database, beside: Database, guard: Callable[[Session], None]) -> None:
    """Replace what came from the chain by what is beside, in one transaction.

    `guard` raises if this process may no longer write. Who follows the events has to fall
    back to the beginning.
    """
    beside.close()
    with translated(), database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if not database.is_postgres:
            # SQLite attaches outside of transactions only.
            driver.execute(f"ATTACH DATABASE ? AS {SCHEMA}", (str(_path_of(database)),))
        try:
            with connection.execution_options(**database.write_options).begin():
                _exchange(connection, guard)
        finally:
            if not database.is_postgres:
                driver.execute(f"DETACH DATABASE {SCHEMA}")


def copy_chain(session: Session, target: Database) -> None:
    """Copy what came from the chain, as a session sees it, into an empty store."""
    source = session.connection()
    with target.connect() as connection:
        for table in _chain_tables():
            counted = table.autoincrement_column
            names = [column.name for column in table.c if column is not counted]
            rows = table.select().with_only_columns(*(table.c[name] for name in names))
            if counted is not None:
                rows = rows.order_by(counted)
            found = source.execution_options(yield_per=COPIED).execute(rows).mappings()
            for part in found.partitions():
                connection.execute(insert(table), [dict(row) for row in part])


def _chain_tables() -> list[Table]:
    """Return the tables that the indexer writes, but not those of reorgs, in any order."""
    own: list[Any] = [kind.__table__ for kind in (BlockRow, JournalRow, CursorRow)]
    return [*appended_tables(), *journaled_tables().values(), *own]


def _exchange(connection: Connection, guard: Callable[[Session], None]) -> None:
    with Session(bind=connection) as session:
        guard(session)
        note_rebuilt(session)
        session.flush()
    for table in _chain_tables():
        connection.execute(delete(table))
    for table in _chain_tables():
        _copy(connection, table)


def _copy(connection: Connection, table: Table) -> None:
    counted = table.autoincrement_column
    names = [column.name for column in table.c if column is not counted]
    source = table.to_metadata(type(table.metadata)(), schema=SCHEMA)
    rows = source.select().with_only_columns(*(source.c[name] for name in names))
    # Keys that the database counts up are counted again, in the same order.
    ordered = rows.order_by(source.c[counted.name]) if counted is not None else rows
    connection.execute(insert(table).from_select(names, ordered))


def _path_of(database: Database) -> Path:
    path = database.path
    assert path is not None
    return path.with_name(f"{path.name}.rebuild")
