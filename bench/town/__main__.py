"""`python -m bench.town`: a simulated market; writes bench/results/town.json.

TOWN chooses a size: small, medium, large or full (10,000 peers); the options change it.
"""

import os
from dataclasses import replace
from pathlib import Path

import click

from bench.matcher.rows import describe_machine, dump_row
from bench.result_files import Run, describe_tree, save_rows
from bench.town.measures import SIZES, measure

PATH = Path(__file__).resolve().parents[1] / "results" / "town.json"


@click.command()
@click.option(
    "--size",
    type=click.Choice(list(SIZES)),
    default=lambda: os.environ.get("TOWN", "full"),
    help="How large the town is [TOWN, else full].",
)
@click.option("--peers", type=click.IntRange(1))
@click.option("--providers", type=click.IntRange(1))
@click.option("--deals", type=click.IntRange(1))
@click.option("--epochs", type=click.IntRange(4))
@click.option("--dry", is_flag=True, help="Print only; leave the result file as it is.")
def cli(size: str, dry: bool, **changes: int | None) -> None:
    """Simulate a market of peers, providers and deals on the real contracts and services."""
    machine = describe_machine()
    chosen = replace(SIZES[size], **{name: n for name, n in changes.items() if n is not None})
    rows = measure(chosen, lambda text: click.echo(text, err=True))
    for row in rows:
        click.echo(f"{row.measure}: {row.value:,} {row.unit}")
    if not dry:
        save_rows(
            PATH, Run(describe_tree(), machine), [dump_row(r) for r in rows], keep_others=False
        )
        click.echo(f"{machine}\nwritten to bench/results/{PATH.name}")


if __name__ == "__main__":
    cli()
