"""Measure how fast scripts run: `python -m bench.choreography [GROUP …]`.

Prints the table and writes bench/results/choreography.json; with groups named only their rows,
and the others stay as they were measured.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from bench.choreography.avm import measure_invoke
from bench.choreography.measures import MEASURES
from bench.choreography.scripts import (
    measure_fan_out,
    measure_js_client,
    measure_particles,
    measure_two_hops,
)
from bench.peer.__main__ import WIDTH, build_table, describe_machine, dump_row
from bench.peer.measures import build_rows
from bench.result_files import Run, describe_tree, save_rows

PATH = Path(__file__).resolve().parents[1] / "results" / "choreography.json"
GROUPS: dict[str, Callable[[], dict[str, float]]] = {
    "invoke": measure_invoke,
    "two-hops": measure_two_hops,
    "fan-out": measure_fan_out,
    "particles": measure_particles,
    "js-client": measure_js_client,
}


@click.command()
@click.argument("groups", nargs=-1, type=click.Choice(sorted(GROUPS)))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(groups: tuple[str, ...], dry: bool) -> None:
    """Measure how fast scripts run, beside npm marine-js."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = describe_machine()
    values: dict[str, float] = {}
    for name in groups or GROUPS:
        values |= GROUPS[name]()
    rows = build_rows(values, MEASURES)
    console.print(build_table(rows, "Scripts"))
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in rows], keep_others=bool(groups))
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")


if __name__ == "__main__":
    cli()
