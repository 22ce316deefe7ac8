"""Judge a measurement: against its bars, and against the committed one."""

from collections.abc import Mapping, Sequence

from bench.gas.measures import GAS
from bench.gas.results import Row

MOST_GROWTH = 3
"""Per cent that an operation may grow without its committed figure being renewed."""


def find_misses(rows: Sequence[Row]) -> list[str]:
    """Say which bars are missed without an excuse."""
    return [_miss(row) for row in rows if row.is_over and not row.measure.excuse]


def find_excused(rows: Sequence[Row]) -> list[str]:
    """Say which bars are missed with an excuse, and which."""
    return [
        f"{_miss(row)}: {row.measure.excuse}" for row in rows if row.is_over and row.measure.excuse
    ]


def find_growth(rows: Sequence[Row], committed: Mapping[str, int]) -> list[str]:
    """Say what costs over 3 % more gas than committed, and what is on one side only."""
    problems = []
    for row in rows:
        name, before = row.measure.name, committed.get(row.measure.name)
        if before is None:
            problems.append(f"{name}: {row.value:,} measured, nothing committed")
        elif row.measure.unit == GAS and row.value * 100 > before * (100 + MOST_GROWTH):
            problems.append(f"{name}: {row.value:,}, {_growth(before, row.value)} over {before:,}")
    measured = {row.measure.name for row in rows}
    problems += [
        f"{name}: {value:,} committed, not measured any more"
        for name, value in committed.items()
        if name not in measured
    ]
    return problems


def find_moves(rows: Sequence[Row], committed: Mapping[str, int]) -> list[str]:
    """Say which figures are not what is committed, however little they differ."""
    return [
        f"{row.measure.name}: {before:,} → {row.value:,}"
        for row in rows
        if (before := committed.get(row.measure.name)) is not None and before != row.value
    ]


def _miss(row: Row) -> str:
    measure = row.measure
    return f"{measure.name}: {row.value:,} {measure.unit}, at most {measure.bar:,} allowed"


def _growth(before: int, after: int) -> str:
    if before == 0:
        return f"{after:,}"
    # In tenths of a per cent, rounded up: 3.0 % is allowed and is never printed.
    tenths = -(-(after - before) * 1_000 // before)
    return f"{tenths // 10}.{tenths % 10} %"
