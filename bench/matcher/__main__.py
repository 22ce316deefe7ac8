"""Measure the matching engine: `python -m bench.matcher [NAME…]` writes bench/results/matcher.json.

Each measure runs in a process of its own, so that none sees another's memory or garbage.
"""

import multiprocessing
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

import click
from rich.console import Console
from rich.table import Table

from bench.matcher.registry import MEASURES, take_rows
from bench.matcher.rows import PATH, Row, describe_machine, dump_row
from bench.result_files import Run, describe_tree, save_rows

WIDTH = 140


def run_measure(name: str) -> list[Row]:
    """Return the rows of one measure, taken in a fresh process."""
    # Not a `Pool`: its processes may start none of their own, as measures of a start do.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(take_rows, name).result()


def build_table(rows: Iterable[Row]) -> Table:
    """Return the table that people read."""
    table = Table(title="The matching engine")
    table.add_column("measure")
    for title in ("value", "bar", "other"):
        table.add_column(title, justify="right")
    for row in rows:
        sign = "≤" if row.better == "lower" else "≥"
        table.add_row(
            row.measure,
            f"{row.value:,} {row.unit}",
            "–" if row.bar is None else f"{sign} {row.bar:,}",
            "–" if row.peer is None else f"{row.peer[0]}: {row.peer[1]:,}",
            style="red" if row.is_missed else None,
        )
    return table


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(MEASURES)))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(names: tuple[str, ...], dry: bool) -> None:
    """Measure everything, or only NAMES; the rows of the others stay as they were measured."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = describe_machine()
    new = [row for name in names or MEASURES for row in run_measure(name)]
    console.print(build_table(new))
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in new], keep_others=bool(names))
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")
    missed = [row.measure for row in new if row.is_missed]
    if missed:
        click.echo("\n  ".join(["bars missed:", *missed]), err=True)


if __name__ == "__main__":
    cli()
