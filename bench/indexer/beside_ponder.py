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
    """Fill our SQLite store, then ponder's with an empty cache and with one that has all blocks."""
    with served_history(EVENTS) as (url, events), tempfile.TemporaryDirectory() as folder:
        ours, _, _ = in_own_process(backfill, url, sqlite_url(Path(folder) / "store.sqlite"))
        with Rpc(url) as rpc:
            last = rpc.fetch_block_number()
        cold, warm = measure_ponder(url, last)
    what = f"history of {events:,} events"
    rate = round(events / ours)
    return [
        Row(f"{what}: ponder, warm", round(events / warm), "events per CPU second", "higher"),
        Row(f"{what}: ponder, cold", round(events / cold), "events per CPU second", "higher"),
        Row(
            f"{what}: our index, all tables",
            rate,
            "events per CPU second",
            "higher",
            peer=("ponder, warm", round(events / warm)),
        ),
        Row(f"{what}: beside warm ponder, by CPU", round(warm / ours, 1), "×", "higher", 20),
    ]
