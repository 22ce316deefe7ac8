"""The rows that a block changes: read once, changed in memory, written and journaled together."""

from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.json import encode as to_json
from sqlalchemy import (
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.orm import Session

from wasmarket.store.columns import Appended, Base, Journaled
from wasmarket.store.errors import Inconsistent
from wasmarket.store.tables import JournalRow

Row = TypeVar("Row", bound=Journaled)

MAX_CACHED = 50_000
"""Rows kept in memory between blocks; above it the cache starts again."""


class ChainRows:
    """What handlers of events see of the store.

    Rows stay in memory from block to block, which is right only for the one process that writes
    the chain's tables; ChainWriter sees to that. They are written by statements of our own, many
    at once: the session neither tracks nor flushes them.
    """

    def __init__(self, session: Session) -> None:
        """Read and write through a session of ChainWriter."""
        self._session = session
        self._rows: dict[_Key, Any] = {}
        self._before: dict[_Key, dict[str, Any] | None] = {}
        self._appended: dict[type[Any], list[dict[str, Any]]] = {}

    def find(self, kind: type[Row], *key: Any) -> Row | None:
        """Return the row of a primary key to read or change, None if there is none."""
        name = (kind, key)
        row: Row | None = self._rows.get(name)
        if row is None:
            row = self._load(kind, key)
            if row is None:
                return None
            self._rows[name] = row
        if name not in self._before:
            self._before[name] = _columns_of(row)
        return row

    def peek(self, kind: type[Row], *key: Any) -> Row | None:
        """Return the row of a primary key to read only, None if there is none."""
        row: Row | None = self._rows.get((kind, key))
        if row is None:
            row = self._load(kind, key)
            if row is not None:
                self._rows[kind, key] = row
        return row

    def get(self, kind: type[Row], *key: Any) -> Row:
        """Return the row of a primary key to read or change. Raises Inconsistent if missing."""
        row = self.find(kind, *key)
        if row is None:
            raise Inconsistent(
                f"an event names a {kind.__name__.lower()} {key} that the store does not have",
                remedy="the store is not of this chain, or began in its middle: read the chain "
                "again (`wasmarket indexer run --reindex`)",
            )
        return row

    def add(self, row: Row) -> Row:
        """Put in a row whose primary key is new."""
        key = tuple(getattr(row, name) for name in _plan_of(type(row)).key)
        self._rows[type(row), key] = row
        self._before[type(row), key] = None
        return row

    def append(self, kind: type[Appended], /, **values: Any) -> None:
        """Add a row to a table of facts; it has the number of its block."""
        self._appended.setdefault(kind, []).append(values)

    def flush(self, block_number: int) -> None:
        """Write what the block changed, and how each changed row was before."""
        inserts: dict[type[Any], list[dict[str, Any]]] = dict(self._appended)
        updates: dict[type[Any], list[dict[str, Any]]] = {}
        journal = []
        for (kind, key), before in self._before.items():
            now = _columns_of(self._rows[kind, key])
            if now == before:
                continue
            changes = inserts if before is None else updates
            changes.setdefault(kind, []).append(now)
            journal.append(_entry(kind, key, block_number, before))
        connection = self._session.connection()
        for kind, values in inserts.items():
            connection.execute(_plan_of(kind).insert, values)
        for kind, values in updates.items():
            plan = _plan_of(kind)
            named = [{f"{NEW}{name}": value for name, value in row.items()} for row in values]
            connection.execute(plan.update, named)
        if journal:
            connection.execute(_plan_of(JournalRow).insert, journal)
        self._before, self._appended = {}, {}
        if len(self._rows) > MAX_CACHED:
            self.forget()

    def forget(self) -> None:
        """Drop all that is in memory, after a failure or when others have written."""
        self._rows, self._before, self._appended = {}, {}, {}

    def _load(self, kind: type[Row], key: tuple[Any, ...]) -> Row | None:
        found = self._session.connection().execute(
            _plan_of(kind).select, dict(zip(_plan_of(kind).key, key, strict=True))
        )
        values = found.mappings().first()
        return None if values is None else kind(**values)


_Key = tuple[type[Any], tuple[Any, ...]]

NEW = "new_"
"""Begins the parameters of an update: a column's own name is taken."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The statements of one table, for one row or many."""

    table: Table
    names: tuple[str, ...]
    key: tuple[str, ...]
    select: Select[Any]
    insert: Insert
    update: Update


_PLANS: dict[type[Any], _Plan] = {}


def _plan_of(kind: type[Any]) -> _Plan:
    plan = _PLANS.get(kind)
    if plan is None:
        table: Any = inspect(kind).local_table
        key = [column.name for column in table.primary_key]
        # A key that the database counts up is not ours to write.
        counted = table.autoincrement_column
        names = [column.name for column in table.c if column is not counted]
        plan = _Plan(
            table,
            tuple(names),
            tuple(key),
            select(table).where(*(table.c[name] == bindparam(name) for name in key)),
            insert(table),
            update(table)
            .where(*(table.c[name] == bindparam(f"{NEW}{name}") for name in key))
            .values({name: bindparam(f"{NEW}{name}") for name in names if name not in key}),
        )
        _PLANS[kind] = plan
    return plan


def _columns_of(row: Any) -> dict[str, Any]:
    values = row.__dict__
    return {name: values.get(name) for name in _plan_of(type(row)).names}


def _entry(
    kind: type[Any], key: tuple[Any, ...], block_number: int, before: dict[str, Any] | None
) -> dict[str, Any]:
    plan = _plan_of(kind)
    return {
        "block_number": block_number,
        "entity": plan.table.name,
        "key": to_json(dict(zip(plan.key, key, strict=True))).decode(),
        "image": None if before is None else to_json(before).decode(),
    }


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
