"""SQL views with stable names and columns, for people who analyse the market with SQL.

Tables change with versions; these names do not. Amounts are whole numbers of base units, those of
256 bits as decimal text; seconds are Unix time. Whoever changes a view adds a migration, which
makes all of them anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, inspect, select, text
from sqlalchemy.orm import Session

from wasmarket.store.columns import Uint256
from wasmarket.store.tables import (
    AccountRow,
    AssignmentRow,
    CaseRow,
    ClaimRow,
    CommitmentRow,
    DealChangeRow,
    DealRow,
    EpochTotalRow,
    EventRow,
    FillSkipRow,
    PeerEpochRow,
    PeerRow,
    RedemptionRow,
    ReputationEventRow,
    StakeRow,
    UnitChangeRow,
)

PREFIX = "market_"
PAGE = 1_000
"""Rows of a view in memory at once."""


@dataclass(frozen=True, slots=True)
class AnalystView:
    """A view: its name without the prefix, the table behind it, and columns that it leaves out."""

    name: str
    row: type[Any]
    hidden: tuple[str, ...] = ()

    @property
    def sql_name(self) -> str:
        """The name in SQL."""
        return PREFIX + self.name

    @property
    def about(self) -> str:
        """What a row is, in one sentence or two."""
        return (self.row.__doc__ or "").split("\n\n")[0].strip()

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The columns and what their values are: number, text, yes or no."""
        return [(column.name, _kind_of(column)) for column in self._chosen()]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row, by which a file of it is ordered."""
        return tuple(column.name for column in self.row.__table__.primary_key)

    def define(self) -> Select[Any]:
        """Return what the view selects."""
        return select(*(_readable(column) for column in self._chosen()))

    def _chosen(self) -> list[Any]:
        return [column for column in self.row.__table__.c if column.name not in self.hidden]


VIEWS = (
    AnalystView("account", AccountRow),
    AnalystView("assignment", AssignmentRow),
    AnalystView("case", CaseRow),
    AnalystView("claim", ClaimRow),
    AnalystView("commitment", CommitmentRow),
    AnalystView("deal", DealRow),
    AnalystView("deal_change", DealChangeRow),
    AnalystView("epoch", EpochTotalRow),
    AnalystView("event", EventRow, ("branch",)),
    AnalystView("fill_skip", FillSkipRow),
    AnalystView("peer", PeerRow),
    AnalystView("peer_epoch", PeerEpochRow, ("block_number",)),
    AnalystView("redemption", RedemptionRow),
    AnalystView("reputation_event", ReputationEventRow),
    AnalystView("stake", StakeRow),
    AnalystView("unit_change", UnitChangeRow),
)


def drop_views(connection: Connection) -> None:
    """Drop all views, so that the tables behind them can be changed."""
    for view in VIEWS:
        connection.execute(text(f'DROP VIEW IF EXISTS "{view.sql_name}"'))


def create_views(connection: Connection) -> None:
    """Make the views that are missing."""
    there = set(inspect(connection).get_view_names())
    for view in VIEWS:
        if view.sql_name not in there:
            chosen = view.define().compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            connection.exec_driver_sql(
                f'CREATE VIEW "{view.sql_name}" AS {chosen}'.replace("%", "%%")
                if connection.dialect.name == "postgresql"
                else f'CREATE VIEW "{view.sql_name}" AS {chosen}'
            )


def read_view(session: Session, view: AnalystView) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a view by key, some at a time, as one state of the store has them."""
    order = ", ".join(f'"{name}"' for name in view.key)
    found = session.execute(
        text(f'SELECT * FROM "{view.sql_name}" ORDER BY {order}'),
        execution_options={"yield_per": PAGE},
    )
    for rows in found.partitions():
        yield [tuple(row) for row in rows]


def _readable(column: Any) -> Any:
    """Return a column as people read it: a uint256 without the zeros before it."""
    if not isinstance(column.type, Uint256):
        return column
    trimmed = func.coalesce(func.nullif(func.ltrim(text(f'"{column.name}"'), "0"), ""), "0")
    return case((column.is_(None), None), else_=trimmed).label(column.name)


def _kind_of(column: Any) -> str:
    if isinstance(column.type, Uint256):
        return "decimal text"
    kind = column.type.python_type
    return {int: "number", bool: "yes or no"}.get(kind, "text")
