"""`wasmarket peer benchmark`: what one unit of this machine does, for the peer's document."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from peer.benchmark.run import MOST_BUSY, Report, measure_others, run_benchmark
from peer.own_document import keep_benchmark
from wasmarket.kernel.selection.peer_document import Benchmark, benchmark_json
from wasmarket_cli.options import json_option
from wasmarket_cli.output import print_facts, print_json, print_table, say
from wasmarket_cli.provider.peer_keys import find_peer
from wasmarket_cli.wiring import wire


@click.command("benchmark")
@click.argument("name", default="peer")
@click.option(
    "--units",
    type=click.IntRange(1, 1024),
    help="Units that work at once [all cores that this process may use]",
)
@click.option("--keep/--no-keep", default=True, help="Put the figures into the peer's document")
@json_option
@click.pass_context
def benchmark(ctx: click.Context, name: str, units: int | None, keep: bool, as_json: bool) -> None:
    """Measure what one unit of the peer NAME does, with the runtime that functions run in.

    The workloads and their work are the same on every machine; only the time differs. A running
    peer signs the figures into its document within a minute. Nothing else should run meanwhile.
    """
    folder = find_peer(wire(ctx), name)
    busy = measure_others()
    if busy is not None and busy > MOST_BUSY:
        say(
            f"warning: {busy} % of this machine are busy with other things: the figures will be"
            " worse than the machine is",
            err=True,
        )
    workers = units or len(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="wasmarket-benchmark-") as scratch,
        _progress(as_json) as report,
    ):
        ran = asyncio.run(run_benchmark(Path(scratch), workers, int(time.time()), report))
    if keep:
        keep_benchmark(folder, ran)
    if as_json:
        print_json(benchmark_json(ran) | {"speed": ran.speed, "busy_percent": busy, "kept": keep})
        return
    show_benchmark(ran)
    if keep:
        say(f"kept: the running peer {name} signs it into its document")


def show_benchmark(ran: Benchmark) -> None:
    """Show a benchmark's figures."""
    print_table(
        "Benchmark",
        ["workload", "#work, 10^6 fuel", "#ms", "#10^6 fuel per second and unit"],
        [
            (
                entry.name,
                f"{entry.work / 10**6:,.1f}",
                f"{entry.microseconds / 1_000:,.1f}",
                f"{entry.work // entry.microseconds:,}",
            )
            for entry in ran.workloads
        ],
    )
    print_facts(
        "In all",
        [
            ("speed of a unit", f"{ran.speed:,} · 10^6 fuel per second"),
            ("units at once", ran.units),
            ("an empty call", f"{ran.latency_us[0]} µs, of 100 one {ran.latency_us[1]} µs"),
            ("suite", ran.suite),
        ],
    )


@contextmanager
def _progress(as_json: bool) -> Iterator[Report]:
    """Give a function that shows progress on a terminal."""
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if as_json:
        yield lambda done, total: None
        return
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
