"""The command of a bench whose measures are taken in groups: a table, and a result file."""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bench.peer.measures import Measure, Row, build_rows
from bench.result_files import Run, describe_tree, save_rows

RESULTS = Path(__file__).resolve().parent / "results"
WIDTH = 140

Groups = Mapping[str, Callable[[], dict[str, float]]]
"""By name what measures a group, and returns values by the keys of measures."""


def build_command(
    name: str, title: str, groups: Groups, measures: tuple[Measure, ...], about: str
) -> click.Command:
    """Return the command `python -m bench.NAME [GROUP …]`.

    It prints a table and writes `bench/results/NAME.json`; with groups named only their rows, and
    the others stay as they were measured.
    """

    def run(chosen: tuple[str, ...], dry: bool) -> None:
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        machine = describe_machine()
        values: dict[str, float] = {}
        for group in chosen or groups:
            values |= groups[group]()
        rows = build_rows(values, measures)
        console.print(build_table(rows, title))
        if not dry:
            path = RESULTS / f"{name}.json"
            dumped = [dump_row(row) for row in rows]
            save_rows(path, Run(describe_tree(), machine), dumped, keep_others=bool(chosen))
            console.print(f"{machine}\nwritten to bench/results/{path.name}")

    return click.Command(
        name,
        callback=run,
        help=about,
        params=[
            click.Argument(
                ["chosen"], nargs=-1, metavar="[GROUP]…", type=click.Choice(sorted(groups))
            ),
            click.Option(
                ["--dry"], is_flag=True, help="Print only; leave the result file as it is."
            ),
        ],
    )


def build_table(rows: Sequence[Row], title: str) -> Table:
    """Return the table that people read."""
    table = Table(title=title)
    table.add_column("measure")
    for column in ("value", "unit", "bar", "beside"):
        table.add_column(column, justify="right")
    for row in rows:
        bar = row.measure.bar
        sign = "≥" if row.measure.better == "higher" else "≤"
        table.add_row(
            row.measure.name,
            _write(row.value),
            row.measure.unit,
            "–" if bar is None else f"{sign} {_write(bar)}",
            "–" if row.peer is None else f"{row.measure.peer} {_write(row.peer)}",
            style="red" if row.is_missed else None,
        )
    return table


def describe_machine() -> str:
    """Say what it ran on, and how busy that was."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {load:.1f} before the run"
    )


def dump_row(row: Row) -> dict[str, Any]:
    """Return a row as result files have it; beside it is only what the same run measured."""
    measure = row.measure
    return {
        "measure": measure.name,
        "value": round(row.value, 3),
        "unit": measure.unit,
        "better": measure.better,
        "bar": measure.bar,
        "peer": None if row.peer is None else {"name": measure.peer, "value": round(row.peer, 3)},
    }


def _write(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
