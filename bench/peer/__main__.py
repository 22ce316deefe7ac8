"""Measure how fast a peer calls functions: `python -m bench.peer [GROUP …]`.

Prints the table and writes bench/results/peer.json; with groups named only their rows, and the
others stay as they were measured.
"""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bench.peer.beside import measure_beside
from bench.peer.calls import measure_calls, measure_others
from bench.peer.deploy import measure_deploy
from bench.peer.life import measure_idle, measure_life
from bench.peer.measures import Row, build_rows
from bench.peer.runtime import measure_runtime
from bench.peer.through_gateway import measure_through_gateway
from bench.result_files import Run, describe_tree, save_rows

PATH = Path(__file__).resolve().parents[1] / "results" / "peer.json"
WIDTH = 140
GROUPS: dict[str, Callable[[], dict[str, float]]] = {
    "runtime": measure_runtime,
    "calls": measure_calls,
    "gateway": measure_through_gateway,
    "others": measure_others,
    "beside": measure_beside,
    "life": measure_life,
    "idle": measure_idle,
    "deploy": measure_deploy,
}


def build_table(rows: list[Row], title: str = "Calls of a peer") -> Table:
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


@click.command()
@click.argument("groups", nargs=-1, type=click.Choice(sorted(GROUPS)))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(groups: tuple[str, ...], dry: bool) -> None:
    """Measure how fast a peer calls functions, beside other systems."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = describe_machine()
    values: dict[str, float] = {}
    for name in groups or GROUPS:
        values |= GROUPS[name]()
    rows = build_rows(values)
    console.print(build_table(rows))
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in rows], keep_others=bool(groups))
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")


def _write(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


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


if __name__ == "__main__":
    cli()
