"""Measure the gas of every operation: `python -m bench.gas [--check]`.

Without `--check` prints the table and writes bench/results/gas.json. With it writes nothing and
fails if an operation grew by more than 3 % over that file, or if a bar is missed.
"""

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from bench.gas.artifacts import COMPILER, build_artifacts
from bench.gas.comparison import (
    MOST_GROWTH,
    find_excused,
    find_growth,
    find_misses,
    find_moves,
)
from bench.gas.measures import GAS, Cited
from bench.gas.operations import measure_all
from bench.gas.results import PATH, Row, build_rows, dump_rows, load_figures
from bench.gas.town import Town

WIDTH = 160


def measure() -> tuple[str, list[Row]]:
    """Compile, deploy and measure; return what it ran on, and the rows."""
    with Town.open(build_artifacts()) as town:
        machine = f"{town.node.version}, {COMPILER}; gas does not depend on the machine"
        return machine, build_rows(measure_all(town))


def build_table(rows: Sequence[Row]) -> Table:
    """Return the table that people read."""
    table = Table(title="Gas of whole transactions")
    table.add_column("operation")
    for title in ("value", "bar", "incumbent", "best other"):
        table.add_column(title, justify="right")
    for row in rows:
        measure = row.measure
        style = "red" if row.is_over else None
        table.add_row(
            measure.name,
            f"{row.value:,}" + ("" if measure.unit == GAS else f" {measure.unit}s"),
            "–" if measure.bar is None else f"≤ {measure.bar:,}",
            _cited(measure.incumbent),
            _cited(measure.other),
            style=style,
        )
    return table


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; compare with the committed figures.")
def cli(check: bool) -> None:
    """Measure the gas of every operation of the contracts."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine, rows = measure()
    misses = find_misses(rows)
    if not check:
        console.print(build_table(rows))
        PATH.write_text(dump_rows(machine, rows), encoding="utf-8")
        console.print(f"{machine}\nwritten to bench/results/{PATH.name}")
        _say("bars missed", misses, "make it cheaper")
        _say("bars missed, known", find_excused(rows), "cheaper is welcome")
        sys.exit(1 if misses else 0)
    committed = load_figures(PATH.read_text(encoding="utf-8")) if PATH.is_file() else {}
    grown = find_growth(rows, committed)
    _say("bars missed", misses, "make it cheaper")
    _say(
        f"grown by more than {MOST_GROWTH} %, or unknown",
        grown,
        f"if it is meant, run `make gas` and commit bench/results/{PATH.name} with the change",
    )
    if misses or grown:
        sys.exit(1)
    moves = find_moves(rows, committed)
    console.print(f"gas: {len(rows)} figures within their bars and the committed ones")
    _say("bars missed, known", find_excused(rows), "cheaper is welcome")
    _say("moved by less; `make gas` writes them down", moves, "no need to act")


def _say(title: str, lines: Sequence[str], remedy: str) -> None:
    if lines:
        click.echo("\n  ".join([f"{title} ({remedy}):", *lines]), err=True)


def _cited(cited: Cited | None) -> str:
    return "–" if cited is None else f"{cited.name.removesuffix(' (cited)')} {cited.value:,}"


if __name__ == "__main__":
    cli()
