"""Indexes that only readers need, of tables of facts: made once at the end of a long backfill.

Kept up to date row by row they cost more than all the rest of it, the more the larger they are.
"""

from typing import Any

from sqlalchemy import Connection, Index, inspect

from wasmarket.store.chain.row_plans import appended_tables


def drop_fact_indexes(connection: Connection) -> None:
    """Drop the indexes of the tables that blocks add rows to; their keys stay."""
    for index in _fact_indexes():
        index.drop(connection, checkfirst=True)


def create_fact_indexes(connection: Connection) -> None:
    """Make those that are missing."""
    for index in _missing(connection):
        index.create(connection)


def lacks_fact_indexes(connection: Connection) -> bool:
    """Say whether any is missing: a backfill is not over, or was cut off."""
    return bool(_missing(connection))


def _missing(connection: Connection) -> list[Index]:
    known: Any = inspect(connection)
    there = {
        entry["name"] for table in appended_tables() for entry in known.get_indexes(table.name)
    }
    return [index for index in _fact_indexes() if index.name not in there]


def _fact_indexes() -> list[Index]:
    return [
        index
        for table in appended_tables()
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
