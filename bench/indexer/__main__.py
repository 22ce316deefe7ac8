"""Measure the index: `python -m bench.indexer [NAME…]` writes bench/results/indexer.json."""

from collections.abc import Callable
from pathlib import Path

import click

from bench.indexer.beside_ponder import measure_beside_ponder
from bench.indexer.live import measure_live
from bench.indexer.measures import MEASURES, measure_memory
from bench.indexer.pages import measure_pages
from bench.matcher.rows import Row, describe_machine, dump_row
from bench.result_files import Run, describe_tree, save_rows

PATH = Path(__file__).resolve().parents[1] / "results" / "indexer.json"
ALL: dict[str, Callable[[], list[Row]]] = {
    **MEASURES,
    "live": measure_live,
    "ponder": measure_beside_ponder,
}
BY_NAME: dict[str, Callable[[], list[Row]]] = {"pages": measure_pages, "memory": measure_memory}
"""What takes gigabytes and many minutes."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(ALL | BY_NAME)))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(names: tuple[str, ...], dry: bool) -> None:
    """Measure everything but `pages` and `memory`, or only NAMES."""
    machine = describe_machine()
    new = []
    for name in names or ALL:
        for row in (ALL | BY_NAME)[name]():
            new.append(row)
            bar = "" if row.bar is None else f" (bar {row.bar:,})"
            missed = "  MISSED" if row.is_missed else ""
            click.echo(f"{row.measure}: {row.value:,} {row.unit}{bar}{missed}")
    if not dry:
        run = Run(describe_tree(), machine)
        save_rows(PATH, run, [dump_row(row) for row in new], keep_others=bool(names))
        click.echo(f"{machine}\nwritten to bench/results/{PATH.name}")


if __name__ == "__main__":
    cli()
