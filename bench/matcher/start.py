"""What a matcher's start costs: both books of a million asks, read from the store."""

import gc
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from bench.matcher.markets import Shape
from bench.matcher.rows import Row
from bench.matcher.stored_market import fill_store
from matcher.engine.warm_up import warm_up
from matcher.orderbook.incremental import Feed
from wasmarket.store.database import open_database, sqlite_url
from wasmarket.store.migrate import upgrade

OFFERS = 1_000_000
POSTGRES = "WASMARKET_BENCH_POSTGRES"
ROUNDS = 3
MIB = 10
Found = TypeVar("Found")


def measure() -> Iterator[Row]:
    """Fill SQLite, and PostgreSQL where the environment names an empty database; start thrice."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {"SQLite": sqlite_url(Path(folder) / "store.sqlite")}
        if os.environ.get(POSTGRES):
            stores["PostgreSQL"] = os.environ[POSTGRES]
        for name, url in stores.items():
            _apart(_fill, url)
            spent = [_apart(_start, url) for _ in range(ROUNDS)]
            what = f"start from {OFFERS:,} live asks, {name}"
            yield Row(what, min(cpu for cpu, _, _ in spent), "s of processor", bar=5)
            yield Row(f"{what}: by the clock", min(clock for _, clock, _ in spent), "s", bar=5)
            yield Row(f"{what}: memory", max(most for _, _, most in spent), "MiB at most")


def _apart(function: Callable[[str], Found], url: str) -> Found:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, (url,))


def _fill(url: str) -> None:
    database = open_database(url)
    upgrade(database)
    fill_store(database, Shape(OFFERS))
    database.close()


def _start(url: str) -> tuple[float, float, int]:
    """Return processor seconds, seconds and MiB at most of a process that reads the books."""
    warm_up()
    gc.collect()
    database = open_database(url)
    cpu, since = time.process_time(), time.monotonic()
    snapshot = Feed(database).refresh()
    spent = time.process_time() - cpu, time.monotonic() - since
    if sum(len(book) for book in snapshot.books.values()) != OFFERS:
        raise AssertionError("not all asks are in the books")
    database.close()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(spent[0], 2), round(spent[1], 2), int(line.split()[1]) >> MIB
