"""The rows that a block changes: read once, changed in memory, written and journaled together."""

import json
from typing import Any, TypeVar

from sqlalchemy import insert, inspect
from sqlalchemy.orm import Session

from kernel.errors import Conflict
from store.columns import Appended, Base, Journaled
from store.tables import JournalRow

Row = TypeVar("Row", bound=Journaled)

MAX_CACHED = 50_000
"""Rows kept in memory between blocks; above it the cache starts anew."""


class Inconsistent(Conflict):
    """The store does not agree with the chain"""

    slug = "inconsistent-store"


class ChainRows:
    """What handlers of events see of the store.

    Rows stay in memory from block to block, which is right only for the one process that writes
    the chain's tables; ChainWriter sees to that.
    """

    def __init__(self, session: Session) -> None:
        """Read and write through a session of ChainWriter."""
        self._session = session
        self._rows: dict[tuple[type[Any], tuple[Any, ...]], Any] = {}
        self._new: list[Any] = []
        self._touched: dict[int, Any] = {}
        self._appended: dict[type[Any], list[dict[str, Any]]] = {}

    def find(self, kind: type[Row], *key: Any) -> Row | None:
        """Return the row of a primary key to read or change, None if there is none."""
        row = self._rows.get((kind, key))
        if row is None:
            row = self._session.get(kind, key)
            if row is None:
                return None
            self._rows[kind, key] = row
        self._touched[id(row)] = row
        return row

    def get(self, kind: type[Row], *key: Any) -> Row:
        """Return the row of a primary key to read or change. Raises Inconsistent if missing."""
        row = self.find(kind, *key)
        if row is None:
            raise Inconsistent(
                f"an event names a {kind.__name__.lower()} {key} that the store does not have",
                remedy="index anew: the store is not of this chain, or began in its middle",
            )
        return row

    def add(self, row: Row) -> Row:
        """Put in a row whose primary key is new."""
        key = inspect(type(row)).primary_key_from_instance(row)
        self._rows[type(row), tuple(key)] = row
        self._new.append(row)
        return row

    def append(self, kind: type[Appended], /, **values: Any) -> None:
        """Add a row to a table of facts; it has the number of its block."""
        self._appended.setdefault(kind, []).append(values)

    def flush(self, block_number: int) -> None:
        """Write what the block changed, and how each changed row was before."""
        journal = [_entry(row, block_number, None) for row in self._new]
        for row in self._touched.values():
            before = _image_before(row)
            if before is not None:
                journal.append(_entry(row, block_number, before))
        self._session.add_all(self._new)
        self._session.flush()
        for kind, values in self._appended.items():
            self._session.execute(insert(kind), values)
        if journal:
            self._session.execute(insert(JournalRow), journal)
        self._new, self._touched, self._appended = [], {}, {}
        if len(self._rows) > MAX_CACHED:
            self.forget()

    def forget(self) -> None:
        """Drop all that is in memory, after a failure or when others have written."""
        self._session.expunge_all()
        self._rows, self._new, self._touched, self._appended = {}, [], {}, {}


def _entry(row: Any, block_number: int, image: dict[str, Any] | None) -> dict[str, Any]:
    mapper = inspect(type(row))
    key = {c.name: getattr(row, c.name) for c in mapper.primary_key}
    return {
        "block_number": block_number,
        "entity": mapper.local_table.name,
        "key": json.dumps(key),
        "image": None if image is None else json.dumps(image),
    }


def _image_before(row: Any) -> dict[str, Any] | None:
    """Return the columns as they were loaded, None if nothing changed or the row is new."""
    state = inspect(row)
    changed = state.committed_state
    if not state.persistent or not changed:
        return None
    current = state.dict
    columns = [c.name for c in state.mapper.columns]
    if all(changed.get(name, current[name]) == current[name] for name in columns):
        return None
    return {name: changed.get(name, current[name]) for name in columns}


def journaled_tables() -> dict[str, Any]:
    """Return the tables that undo restores from the journal, by name."""
    return {
        m.local_table.name: m.local_table for m in _mappers() if issubclass(m.class_, Journaled)
    }


def appended_tables() -> list[Any]:
    """Return the tables that undo cuts by block number."""
    return [m.local_table for m in _mappers() if issubclass(m.class_, Appended)]


def _mappers() -> list[Any]:
    return sorted(Base.registry.mappers, key=lambda m: str(m.local_table.name))
