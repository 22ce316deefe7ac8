"""Measure what proofs cost: `python -m bench.audits [GROUP …]`.

Prints the table and writes bench/results/audits.json; with groups named only their rows, and the
others stay as they were measured.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from bench.audits.answering import measure_answer
from bench.audits.checking import measure_checks, measure_reruns
from bench.audits.convicting import measure_convictions, measure_jury
from bench.audits.judging import measure_judging
from bench.audits.measures import MEASURES
from bench.audits.metered import measure_metered
from bench.peer.__main__ import WIDTH, build_table, describe_machine, dump_row
from bench.peer.measures import build_rows
from bench.result_files import Run, describe_tree, save_rows

PATH = Path(__file__).resolve().parents[1] / "results" / "audits.json"
GROUPS: dict[str, Callable[[], dict[str, float]]] = {
    "checks": measure_checks,
    "reruns": measure_reruns,
    "metered": measure_metered,
    "answer": measure_answer,
    "judging": measure_judging,
    "convictions": measure_convictions,
    "jury": measure_jury,
}


@click.command()
@click.argument("groups", nargs=-1, type=click.Choice(sorted(GROUPS)))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(groups: tuple[str, ...], dry: bool) -> None:
    """Measure what checking, answering, metering and convicting cost."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = describe_machine()
    values: dict[str, float] = {}
    for name in groups or GROUPS:
        values |= GROUPS[name]()
    rows = build_rows(values, MEASURES)
    console.print(build_table(rows, "Proofs"))
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in rows], keep_others=bool(groups))
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")


if __name__ == "__main__":
    cli()
