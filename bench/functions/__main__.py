"""Measure functions: `python -m bench.functions [GROUP …]`.

Prints the table and writes bench/results/functions.json; with groups named only their rows, and
the others stay as they were measured.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from bench.functions.begin import measure_begin
from bench.functions.calls import measure_first, measure_fresh, measure_warm
from bench.functions.measures import MEASURES
from bench.functions.triggers import measure_triggers
from bench.peer.__main__ import WIDTH, build_table, describe_machine, dump_row
from bench.peer.measures import build_rows
from bench.result_files import Run, describe_tree, save_rows

PATH = Path(__file__).resolve().parents[1] / "results" / "functions.json"
GROUPS: dict[str, Callable[[], dict[str, float]]] = {
    "triggers": measure_triggers,
    "warm": measure_warm,
    "fresh": measure_fresh,
    "first": measure_first,
    "begin": measure_begin,
}


@click.command()
@click.argument("groups", nargs=-1, type=click.Choice(sorted(GROUPS)))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(groups: tuple[str, ...], dry: bool) -> None:
    """Measure functions as developers meet them."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = describe_machine()
    values: dict[str, float] = {}
    for name in groups or GROUPS:
        values |= GROUPS[name]()
    rows = build_rows(values, MEASURES)
    console.print(build_table(rows, "Functions"))
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in rows], keep_others=bool(groups))
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")


if __name__ == "__main__":
    cli()
