"""The rows that blocks change: read once, changed in memory, written and journaled together."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec.json import encode as to_json
from sqlalchemy.orm import Session

from wasmarket.store.chain.row_plans import RowPlan, Values, place_of, plan_of
from wasmarket.store.chain.state import BATCH
from wasmarket.store.columns import Appended, Journaled
from wasmarket.store.errors import Inconsistent
from wasmarket.store.tables import JournalRow

Row = TypeVar("Row", bound=Journaled)
Fact = TypeVar("Fact", bound=Appended)

MAX_CACHED = 8_000
"""Rows kept in memory between transactions; above it the cache starts again."""


class ChainRows:
    """What handlers of events see of the store.

    Rows stay in memory from block to block, which is right only for the one process that writes
    the chain's tables; ChainWriter sees to that. They have the columns of their table as
    attributes, and are written by statements of our own, many at once: no session tracks them.
    """

    def __init__(self, session: Session) -> None:
        """Read and write through a session of ChainWriter."""
        self._session = session
        self._rows: dict[_Key, Any] = {}
        self._before: dict[_Key, Values | None] = {}
        self._appended: dict[type[Any], list[Values]] = {}

    def find(self, kind: type[Row], *key: Any) -> Row | None:
        """Return the row of a primary key to read or change, None if there is none."""
        name = (kind, key)
        row: Row | None = self._rows.get(name, _UNKNOWN)
        if row is _UNKNOWN:
            row = self.peek(kind, *key)
        if row is not None and name not in self._before:
            self._before[name] = plan_of(kind).values_of(row)
        return row

    def peek(self, kind: type[Row], *key: Any) -> Row | None:
        """Return the row of a primary key to read only, None if there is none."""
        name = (kind, key)
        row: Row | None = self._rows.get(name, _UNKNOWN)
        if row is _UNKNOWN:
            self._load(kind, [key])
            row = self._rows[name]
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

    def add(self, kind: type[Row], /, **values: Any) -> Row:
        """Put in a row whose primary key is new; what is not given is null for now."""
        plan = plan_of(kind)
        row: Row = plan.build(**values)
        name = (kind, plan.key_of(row))
        self._rows[name] = row
        self._before[name] = None
        return row

    def append(self, kind: type[Appended], /, **values: Any) -> None:
        """Add a row to a table of facts; it has the number of its block."""
        names = plan_of(kind).names
        # Most callers name the columns in their order.
        is_ordered = tuple(values) == names
        self.append_values(
            kind, tuple(values.values() if is_ordered else [values.get(name) for name in names])
        )

    def append_values(self, kind: type[Appended], values: Values) -> None:
        """Add a row by its values alone, where there are many; see `in_order`."""
        appended = self._appended.get(kind)
        if appended is None:
            appended = self._appended[kind] = []
        appended.append(values)

    def appender(self, kind: type[Appended]) -> Callable[[Values], object]:
        """Return what adds rows to a table of facts until the next flush, by values alone."""
        return self._appended.setdefault(kind, []).append

    def load(self, kind: type[Row], keys: Iterable[tuple[Any, ...]]) -> None:
        """Read those of these rows that are not in memory, with few questions."""
        missing = [key for key in dict.fromkeys(keys) if (kind, key) not in self._rows]
        for first in range(0, len(missing), BATCH):
            self._load(kind, missing[first : first + BATCH])

    def flush(self, block_number: int, *, journals: bool = True) -> None:
        """Write what was changed, and how each changed row was before if `journals`."""
        connection = self._session.connection()
        inserts = self._appended
        updates: dict[tuple[type[Any], Values], list[Values]] = {}
        journal: list[Values] = []
        for name, before in self._before.items():
            kind, key = name
            plan = plan_of(kind)
            now = plan.values_of(self._rows[name])
            if now == before:
                continue
            if before is None:
                inserts.setdefault(kind, []).append(now)
            else:
                changed = plan.find_changed(before, now)
                updates.setdefault((kind, changed), []).append(now)
            if journals:
                journal.append(_entry(plan, key, block_number, before))
        # Rows before those that refer to them: what is missing for a while is looked for again.
        for kind in sorted((kind for kind, rows in inserts.items() if rows), key=place_of):
            plan_of(kind).insert(connection, inserts[kind])
        for (kind, changed), rows in updates.items():
            plan_of(kind).update(connection, rows, changed)
        if journal:
            plan_of(JournalRow).insert(connection, journal)
        self._before, self._appended = {}, {}
        if len(self._rows) > MAX_CACHED:
            self.forget()

    def forget(self) -> None:
        """Drop all that is in memory, after a failure or when others have written."""
        self._rows, self._before, self._appended = {}, {}, {}

    def _load(self, kind: type[Row], keys: list[tuple[Any, ...]]) -> None:
        """Keep what the store has of these rows, None where it has none."""
        plan = plan_of(kind)
        self._rows.update(((kind, key), None) for key in keys)
        for row in plan.fetch(self._session.connection(), keys):
            self._rows[kind, plan.key_of(row)] = row


def in_order(kind: type[Fact], *columns: str) -> type[Fact]:
    """Return a table's class for `append_values`. Raises ValueError for other columns."""
    if columns != plan_of(kind).names:
        raise ValueError(f"the columns of {kind.__name__} are {plan_of(kind).names}")
    return kind


_Key = tuple[type[Any], tuple[Any, ...]]
_UNKNOWN: Any = object()


def _entry(plan: RowPlan, key: tuple[Any, ...], block_number: int, before: Values | None) -> Values:
    """Return a row of the journal, in the order of its columns."""
    return (
        block_number,
        plan.table.name,
        to_json(dict(zip(plan.key, key, strict=True))).decode(),
        None if before is None else to_json(plan.as_mapping(before)).decode(),
    )
