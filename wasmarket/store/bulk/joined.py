"""Read columns of very many rows as a few long texts, which the database makes in one pass.

An object for each value of a million rows takes longer than all that is done with them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, String, cast, func, type_coerce
from sqlalchemy.orm import Session

CHUNK = 65_536
"""Keys per text: tens of megabytes at most."""

SEPARATOR = ","

Texts: TypeAlias = Mapping[str, str]
"""By column, its values joined by SEPARATOR; all columns are in the same order."""


def joined(columns: Mapping[str, Any]) -> list[ColumnElement[str]]:
    """Return in SQL each of these columns as one text, under its name; none may have nulls."""
    return [
        func.aggregate_strings(column, SEPARATOR).label(name) for name, column in columns.items()
    ]


def as_stored(column: Any) -> ColumnElement[str]:
    """Choose a text or uint256 column as what is stored: the latter as 78 digits."""
    return type_coerce(column, String)


def as_digits(column: Any) -> ColumnElement[str]:
    """Choose a whole-number column as text."""
    return cast(column, String)


def read_by_range(
    session: Session, query: Select[*tuple[Any, ...]], key: Any, last: int | None
) -> Iterator[Texts]:
    """Yield what a query of `joined` columns gives, for one range after another of its key.

    `last` is the largest key, None without rows. Ranges without rows are left out.
    """
    for first in range(0, (last or 0) + 1, CHUNK):
        row = session.execute(query.where(key >= first, key < first + CHUNK)).one()
        texts: dict[str, str] = dict(row._mapping)
        if None not in texts.values():
            yield texts
