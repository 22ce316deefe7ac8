"""One history through our index and through ponder, in one run on one machine."""

import os
import tempfile
from pathlib import Path

from bench.indexer.measures import backfill, in_own_process, served_history
from bench.indexer.ponder_run import measure_ponder
from bench.matcher.rows import Row
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.store.database import sqlite_url

EVENTS = int(os.environ.get("BENCH_PONDER_EVENTS", "100000"))


def measure_beside_ponder() -> list[Row]:
    """Fill our SQLite store and ponder's, with the same rows but for what only ours keeps."""
    with served_history(EVENTS) as (url, events), tempfile.TemporaryDirectory() as folder:
        ours, _, _ = in_own_process(backfill, url, sqlite_url(Path(folder) / "store.sqlite"))
        with Rpc(url) as rpc:
            last = rpc.fetch_block_number()
        theirs = measure_ponder(url, last)
    what = f"history of {events:,} events"

    def rate(name: str, seconds: float) -> Row:
        return Row(f"{what}: {name}", round(events / seconds), "events per CPU second", "higher")

    return [
        rate("ponder, the same rows, warm", theirs.warm),
        rate("ponder, the same rows, cold", theirs.cold),
        rate("ponder, events alone, warm", theirs.events),
        Row(f"{what}: ponder's start, not in the others", round(theirs.start, 1), "CPU s"),
        rate("our index, all tables", ours),
        Row(
            f"{what}: beside warm ponder, by CPU",
            round(theirs.warm / ours, 1),
            "×",
            "higher",
            20,
        ),
        Row(f"{what}: beside cold ponder, by CPU", round(theirs.cold / ours, 1), "×", "higher"),
        Row(
            f"{what}: beside warm ponder with events alone, by CPU",
            round(theirs.events / ours, 1),
            "×",
            "higher",
        ),
    ]
