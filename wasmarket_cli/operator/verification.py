"""`wasmarket indexer verify`: compare the store with the chain."""

from dataclasses import asdict

import click

from indexer.verify.run import Verdict, verify_store
from wasmarket.store.database import open_database
from wasmarket_cli.errors import Exit
from wasmarket_cli.options import json_option
from wasmarket_cli.output import count, print_json, print_table, say
from wasmarket_cli.progress_bars import count_progress
from wasmarket_cli.wiring import wire

SHOWN = 50
"""Differences in a table for people; `--json` has more."""


@click.command("verify")
@click.option("--block", type=click.IntRange(0), help="An earlier block [the newest indexed]")
@click.option("--replay", "replays", is_flag=True, help="Also read the chain again, compare all")
@json_option
@click.pass_context
def verify(ctx: click.Context, block: int | None, replays: bool, as_json: bool) -> int:
    """Compare every row of the store with the contracts' views at one block.

    Exit code 0: equal; 1: differences, which are printed. The store is only read, and may be in
    use. Views show the present only: histories and events are compared with --replay.
    """
    wiring = wire(ctx)
    deployment = wiring.deployment
    database = open_database(wiring.store_url)
    try:
        with count_progress(as_json) as report:
            verdict = verify_store(
                database,
                wiring.rpc,
                deployment,
                block=block,
                replays=replays,
                check_headers=wiring.chain.check_headers,
                on_progress=report,
            )
    finally:
        database.close()
    if as_json:
        print_json(asdict(verdict) | {"equal": verdict.is_equal})
    else:
        _show(verdict, replays)
    return Exit.OK if verdict.is_equal else Exit.FAILED


def _show(verdict: Verdict, replays: bool) -> None:
    rows = sum(verdict.checked.values())
    if verdict.is_equal:
        say(
            f"equal: {count(rows, 'row')} of {count(len(verdict.checked), 'table')} "
            f"as of block {verdict.block:,}"
        )
        if not replays:
            say("events and histories were not compared: --replay reads the chain again")
        return
    shown = verdict.differences[:SHOWN]
    print_table(
        f"{count(verdict.found, 'difference')} as of block {verdict.block:,}",
        ("table", "row", "column", "store", "chain"),
        [(d.table, d.key, d.column, d.stored, d.onchain) for d in shown],
    )
    if verdict.found > len(shown):
        say(f"and {verdict.found - len(shown):,} more; --json shows the first 1,000")
    say("to mend it, read the chain again: `wasmarket indexer run --reindex`", err=True)
