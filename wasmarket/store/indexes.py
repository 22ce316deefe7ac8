"""Indexes that only readers need: made once at the end of a long backfill.

Kept up to date row by row they cost more than all the rest of it, the more the larger they are.
"""

from typing import Any

from sqlalchemy import Connection, Index, inspect

from wasmarket.store.chain.row_plans import appended_tables, journaled_tables
from wasmarket.store.columns import FOR_READERS


def drop_reader_indexes(connection: Connection) -> None:
    """Drop those of the tables that blocks add rows to, but for keys, and some of the others."""
    for index in _reader_indexes():
        index.drop(connection, checkfirst=True)


def create_reader_indexes(connection: Connection) -> None:
    """Make those that are missing."""
    for index in _missing(connection):
        index.create(connection)


def lacks_reader_indexes(connection: Connection) -> bool:
    """Say whether any is missing: a backfill is not over, or was cut off."""
    return bool(_missing(connection))


def _missing(connection: Connection) -> list[Index]:
    known: Any = inspect(connection)
    tables = {index.table.name for index in _reader_indexes() if index.table is not None}
    there = {entry["name"] for table in tables for entry in known.get_indexes(table)}
    return [index for index in _reader_indexes() if index.name not in there]


def _reader_indexes() -> list[Index]:
    appended = appended_tables()
    return [
        index
        for table in (*appended, *journaled_tables().values())
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if table in appended or index.info == FOR_READERS
    ]
