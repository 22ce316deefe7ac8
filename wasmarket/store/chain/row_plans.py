"""How the rows of a table are read and written by statements of our own, many at once.

SQLAlchemy's session would track every row, and its statements would be built anew for each block:
together some ten times the work of the database itself.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Table, inspect
from sqlalchemy.types import TypeDecorator

from wasmarket.store.columns import Appended, Base, Journaled, Uint256, Usdc

FEW_ROWS = 50
"""Up to so many are not worth a COPY."""

AT_ONCE = (400, 50)
"""Rows of one statement of SQLite: most of them in few statements, which cost as much each."""

AMOUNTS_KEPT = 256
"""As drivers take them, of one column: most are nothing, or what others are."""

Values = tuple[Any, ...]
"""The values of a row, in the order of its plan's names."""

Conversions = tuple[tuple[int, Callable[[Any], Any]], ...]
"""Places in a row, and what makes of the value there what a driver, or a handler, expects."""


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One table: its columns, the class of its rows in memory, how values are given to a driver."""

    table: Table
    names: tuple[str, ...]
    key: tuple[str, ...]
    key_of: Callable[[Any], Values]
    values_of: Callable[[Any], Values]
    build: Callable[..., Any]
    _checks: Conversions
    _conversions: Conversions
    _readings: dict[str, Conversions] = field(default_factory=dict)

    def fetch(self, connection: Connection, keys: Sequence[Values]) -> list[Any]:
        """Return the rows of some keys that are there, as they are in memory."""
        mark = self._marks(connection, 1)
        if len(keys) == 1:
            chosen = self._match(mark)
        elif len(self.key) == 1:
            chosen = f'"{self.key[0]}" IN ({self._marks(connection, len(keys))})'
        else:
            one = f"({self._marks(connection, len(self.key))})"
            chosen = f"({_list(self.key)}) IN (VALUES {', '.join([one] * len(keys))})"
        statement = f'SELECT {_list(self.names)} FROM "{self.table.name}" WHERE {chosen}'
        found = connection.exec_driver_sql(statement, tuple([v for key in keys for v in key]))
        readings = self._readings_of(connection.dialect)
        rows = []
        for values in found:
            read = list(values)
            for at, convert in readings:
                read[at] = convert(read[at])
            rows.append(self.build(*read))
        return rows

    def as_mapping(self, values: Values) -> dict[str, Any]:
        """Return values by column."""
        return dict(zip(self.names, values, strict=True))

    def insert(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Add rows."""
        bound = self._bind(rows)
        if connection.dialect.name == "postgresql" and len(bound) > FEW_ROWS:
            _copy_in(connection, self.table.name, self.names, bound)
            return
        marks = f"({self._marks(connection, len(self.names))})"
        insert = f'INSERT INTO "{self.table.name}" ({_list(self.names)}) VALUES '
        done = 0
        # Checks against lists of texts make these lists anew for each statement.
        for size in AT_ONCE if connection.dialect.name == "sqlite" else ():
            statement = insert + ", ".join([marks] * size)
            while len(bound) - done >= size:
                values = chain.from_iterable(bound[done : done + size])
                connection.exec_driver_sql(statement, tuple(values))
                done += size
        if done < len(bound):
            connection.exec_driver_sql(insert + marks, bound[done:])

    def update(self, connection: Connection, rows: Sequence[Values], changed: Values) -> None:
        """Give rows that are there other values in the columns `changed`.

        A column that is named costs its index and its foreign key, changed or not.
        """
        table, mark = self.table.name, self._marks(connection, 1)
        bound = self._bind(rows)
        if connection.dialect.name == "postgresql" and len(bound) > FEW_ROWS:
            beside = f"changed_{table}"
            connection.exec_driver_sql(
                f'CREATE TEMPORARY TABLE IF NOT EXISTS "{beside}" (LIKE "{table}") ON COMMIT DROP'
            )
            _copy_in(connection, beside, self.names, bound)
            changes = ", ".join(f'"{name}" = changed."{name}"' for name in changed)
            match = " AND ".join(f'"{table}"."{name}" = changed."{name}"' for name in self.key)
            connection.exec_driver_sql(
                f'UPDATE "{table}" SET {changes} FROM "{beside}" AS changed WHERE {match}'
            )
            connection.exec_driver_sql(f'TRUNCATE "{beside}"')
            return
        changes = ", ".join(f'"{name}" = {mark}' for name in changed)
        order = [self.names.index(name) for name in (*changed, *self.key)]
        connection.exec_driver_sql(
            f'UPDATE "{table}" SET {changes} WHERE {self._match(mark)}',
            [tuple([row[at] for at in order]) for row in bound],
        )

    def find_changed(self, before: Values, now: Values) -> Values:
        """Return the names of the columns in which two rows differ."""
        return tuple(
            [
                name
                for name, old, new in zip(self.names, before, now, strict=True)
                if old is not new and old != new
            ]
        )

    def delete(self, connection: Connection, keys: Sequence[Values]) -> None:
        """Remove rows by key."""
        mark = self._marks(connection, 1)
        statement = f'DELETE FROM "{self.table.name}" WHERE {self._match(mark)}'
        connection.exec_driver_sql(statement, list(keys))

    def _readings_of(self, dialect: Dialect) -> Conversions:
        """Return which columns a driver does not give as handlers expect them."""
        readings = self._readings.get(dialect.name)
        if readings is None:
            kinds = (self.table.c[name].type.dialect_impl(dialect) for name in self.names)
            read = [kind.result_processor(dialect, None) for kind in kinds]
            readings = tuple((at, convert) for at, convert in enumerate(read) if convert)
            self._readings[dialect.name] = readings
        return readings

    def _match(self, mark: str) -> str:
        return " AND ".join(f'"{name}" = {mark}' for name in self.key)

    def _bind(self, rows: Sequence[Values]) -> Sequence[Values]:
        """Return rows as drivers take them. Raises AmountTooLarge."""
        for at, check in self._checks:
            amounts = [row[at] for row in rows if row[at] is not None]
            if amounts:
                check(min(amounts))
                check(max(amounts))
        if not self._conversions:
            return rows
        bound = []
        for row in rows:
            values = list(row)
            for at, convert in self._conversions:
                values[at] = convert(values[at])
            bound.append(tuple(values))
        return bound

    @staticmethod
    def _marks(connection: Connection, count: int) -> str:
        mark = "%s" if connection.dialect.name == "postgresql" else "?"
        return ", ".join([mark] * count)


_PLANS: dict[type[Any], RowPlan] = {}


def plan_of(kind: type[Any]) -> RowPlan:
    """Return the plan of a table's class."""
    plan = _PLANS.get(kind)
    if plan is None:
        table: Any = inspect(kind).local_table
        key = [column.name for column in table.primary_key]
        # A key that the database counts up is not ours to write.
        counted = table.autoincrement_column
        columns = [column for column in table.c if column is not counted]
        names = tuple(column.name for column in columns)
        plan = RowPlan(
            table,
            names,
            tuple(key),
            _getter(key),
            _getter(names),
            make_dataclass(
                f"{kind.__name__}InMemory",
                [(name, Any, None) for name in names],
                slots=True,
                eq=False,
                repr=False,
            ),
            _bindings(columns, Usdc),
            _bindings(columns, Uint256),
        )
        _PLANS[kind] = plan
    return plan


def place_of(kind: type[Any]) -> int:
    """Return the place of a table among all, each behind those that it refers to."""
    return _places()[plan_of(kind).table.name]


@cache
def _places() -> dict[str, int]:
    return {table.name: place for place, table in enumerate(Base.metadata.sorted_tables)}


def _getter(names: Sequence[str]) -> Callable[[Any], Values]:
    """Return a function that reads attributes as a tuple, also of one alone."""
    get = attrgetter(*names)
    if len(names) > 1:
        return get
    return lambda row: (get(row),)


def _bindings(columns: Sequence[Column[Any]], wanted: type[TypeDecorator[Any]]) -> Conversions:
    """Return places of the columns of a type, and what it does to a value for a driver."""
    return tuple(
        (at, _binding(column.type))
        for at, column in enumerate(columns)
        if isinstance(column.type, wanted)
    )


def _binding(kind: Any) -> Callable[[Any], Any]:
    @lru_cache(AMOUNTS_KEPT)
    def bind(value: Any) -> Any:
        return kind.process_bind_param(value, None)

    return bind


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _copy_in(
    connection: Connection, table: str, names: Sequence[str], rows: Iterable[Values]
) -> None:
    """Write rows by PostgreSQL's COPY."""
    driver: Any = connection.connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f'COPY "{table}" ({_list(names)}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row(row)


def journaled_tables() -> dict[str, Any]:
    """Return the tables that undo restores from the journal, by name."""
    return {name: inspect(kind).local_table for name, kind in journaled_kinds().items()}


def journaled_kinds() -> dict[str, type[Any]]:
    """Return the classes of the tables that undo restores from the journal, by table."""
    return {m.local_table.name: m.class_ for m in _mappers() if issubclass(m.class_, Journaled)}


def appended_tables() -> list[Any]:
    """Return the tables that undo cuts by block number."""
    return [m.local_table for m in _mappers() if issubclass(m.class_, Appended)]


def _mappers() -> list[Any]:
    return sorted(Base.registry.mappers, key=lambda m: str(m.local_table.name))
