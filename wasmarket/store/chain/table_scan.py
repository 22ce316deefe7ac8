"""Read tables of the chain in the order of their keys: whole, or from a time on."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from wasmarket.store.chain.row_plans import appended_tables, journaled_tables
from wasmarket.store.tables import CursorRow

PAGE = 500
"""Rows in memory at once."""

Row = dict[str, Any]


def chain_tables() -> dict[str, Table]:
    """Return the tables that hold what the chain says, by name."""
    return journaled_tables() | {table.name: table for table in appended_tables()}


def key_columns(name: str) -> tuple[str, ...]:
    """Return the names of the columns that a table of the chain is ordered by here."""
    return tuple(column.name for column in chain_tables()[name].primary_key)


def count_rows(session: Session, name: str) -> int:
    """Return how many rows a table of the chain has."""
    return session.scalar(select(func.count()).select_from(chain_tables()[name])) or 0


def scan_table(session: Session, name: str, page: int = PAGE) -> Iterator[list[Row]]:
    """Yield all rows of a table of the chain by key, at most `page` at a time.

    Text is ordered by its bytes on every database, so that two stores can be compared in step.
    """
    table = chain_tables()[name]
    is_postgres = session.get_bind().dialect.name == "postgresql"
    order: list[Any] = [
        column.collate("C") if is_postgres and column.type.python_type is str else column
        for column in table.primary_key
    ]
    found = session.execute(
        select(table).order_by(*order), execution_options={"yield_per": page}
    ).mappings()
    for rows in found.partitions():
        yield [dict(row) for row in rows]


def find_block_since(session: Session, kind: Any, since: int) -> int:
    """Return a block below which no row of a table has a time of `since` or later."""
    head = session.scalar(select(CursorRow.block_number))
    first, last = 0, (head or 0) + 1
    while first < last:
        middle = (first + last) // 2
        row = session.execute(
            select(kind.block_number, kind.timestamp)
            .where(kind.block_number >= middle)
            .order_by(kind.block_number)
            .limit(1)
        ).first()
        if row is None or row.timestamp >= since:
            last = middle
        else:
            first = row.block_number + 1
    return first
