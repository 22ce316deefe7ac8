"""The measures of the index, each taken in a process of its own."""

import gc
import json
import multiprocessing
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from bench.indexer.history import EPOCH_SECONDS, GeneratedMarket
from bench.indexer.node import Served, write_chain
from bench.matcher.rows import Row
from indexer.loop import IndexLoop
from indexer.progress import Board
from indexer.run import RARE_GARBAGE
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.events import CounterBumped, Deposited
from wasmarket.store.chain.writer import fetch_tail
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.migrate import upgrade
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

EVENTS = int(os.environ.get("BENCH_EVENTS", "300000"))
LONG, GROWN = EVENTS * 5, EVENTS + 100_000
PER_BLOCK = 10
UNDONE_BLOCKS, UNDONE_EVENTS = 60, 10_000
LIVE_BLOCKS = 60
POSTGRES = "WASMARKET_BENCH_POSTGRES"
NEVER = threading.Event()
FIRST, ROOT = 1, Path(__file__).resolve().parents[2]


@contextmanager
def served_history(
    events: int, market: GeneratedMarket | None = None, per_block: int = PER_BLOCK
) -> Iterator[tuple[str, int]]:
    """Serve a generated history from a process of its own; give URL and number of events."""
    deployment = fake_deployment(epoch_seconds=EPOCH_SECONDS)
    market = market or GeneratedMarket(1)
    chain = write_chain(deployment, market.blocks(events, per_block))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chain"
        file.write_bytes(pickle.dumps(chain))
        count = Served(chain).total
        del chain
        node = subprocess.Popen(
            [sys.executable, "-m", "bench.indexer.node", str(file), "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            assert node.stdout is not None
            port = json.loads(node.stdout.readline())["port"]
            yield f"http://127.0.0.1:{port}", count
        finally:
            node.kill()
            node.communicate()


def backfill(rpc_url: str, store_url: str) -> tuple[float, float, int]:
    """Fill a store; return CPU seconds, seconds, and the most MiB that this process had."""
    gc.set_threshold(*RARE_GARBAGE)
    database = open_database(store_url)
    upgrade(database)
    with Rpc(rpc_url) as rpc:
        loop = start(database, rpc)
        cpu, since = time.process_time(), time.monotonic()
        loop.take_turn(NEVER)
        spent = time.process_time() - cpu, time.monotonic() - since
        loop.close()
    database.close()
    return *spent, read_peak_memory()


def read_peak_memory() -> int:
    """Return the most MiB that this process ever had; what its parent had is no part of it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) >> 10


def start(database: Database, reader: Rpc | FakeChain) -> IndexLoop:
    """Return a loop; nobody else leads in a store of its own."""
    deployment = fake_deployment(epoch_seconds=EPOCH_SECONDS)
    return IndexLoop(database, reader, deployment, Board(CollectorRegistry()))


def in_own_process(
    function: Callable[..., tuple[float, float, int]], *arguments: str
) -> tuple[float, float, int]:
    """Call a function in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure_backfill() -> list[Row]:
    """Fill SQLite, and PostgreSQL where WASMARKET_BENCH_POSTGRES names an empty database."""
    rows = []
    with served_history(EVENTS) as (url, events), tempfile.TemporaryDirectory() as folder:
        stores = {"SQLite": sqlite_url(Path(folder) / "store.sqlite")}
        if os.environ.get(POSTGRES):
            stores["PostgreSQL (client)"] = os.environ[POSTGRES]
        for name, store in stores.items():
            cpu, seconds, memory = in_own_process(backfill, url, store)
            bar = 25_000 if name == "SQLite" else 20_000
            what = f"backfill of {events:,} events, {PER_BLOCK} a block, {name}"
            rows += [
                Row(what, round(events / cpu), "events per CPU second", "higher", bar),
                Row(f"{what}: by the clock", round(events / seconds), "events/s", "higher"),
                Row(f"{what}: memory", memory, "MiB at most", "lower", 200),
            ]
    return rows


def measure_memory() -> list[Row]:
    """Fill SQLite with a long history, and with a market in which very much runs at once."""
    rows = []
    large = GeneratedMarket(1, peers=2_000, deals_an_epoch=1_000, only_grows=True)
    for what, events, market, per_block in (
        ("{:,} events", LONG, GeneratedMarket(1), PER_BLOCK),
        ("{:,} events that only add deals", GROWN, large, PER_BLOCK * 40),
    ):
        history = served_history(events, market, per_block)
        with history as (url, made), tempfile.TemporaryDirectory() as folder:
            store = sqlite_url(Path(folder) / "store.sqlite")
            cpu, _, memory = in_own_process(backfill, url, store)
        name = f"backfill of {what.format(made)}, {market.running:,} assignments run in the end"
        rows += [
            Row(f"{name}: memory", memory, "MiB at most", "lower", 200),
            Row(name, round(made / cpu), "events per CPU second", "higher"),
        ]
    return rows


def measure_undo() -> list[Row]:
    """Undo 60 blocks with 10,000 events in all."""
    chain = FakeChain(fake_deployment(epoch_seconds=EPOCH_SECONDS))
    market = GeneratedMarket(3)
    for second, events in market.blocks(20_000, UNDONE_EVENTS // UNDONE_BLOCKS):
        chain.mine(*events, timestamp=second)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        upgrade(database)
        loop = start(database, chain)
        loop.take_turn(NEVER)
        with database.read() as session:
            tail = fetch_tail(session)
        target = tail[-UNDONE_BLOCKS - 1]
        cpu, since = time.process_time(), time.monotonic()
        loop._live.writer.undo(target.number, target.hash)
        seconds, spent = time.monotonic() - since, time.process_time() - cpu
        loop.close()
        database.close()
    what = f"undo of {UNDONE_BLOCKS} blocks, {UNDONE_EVENTS:,} events"
    return [
        Row(f"{what}: by the clock", round(seconds, 3), "s", "lower"),
        Row(what, round(spent, 3), "CPU s", "lower", 0.5),
    ]


def measure_block() -> list[Row]:
    """Apply one block of ten events at the head, from the look at the chain to the commit."""
    chain = FakeChain(fake_deployment(epoch_seconds=EPOCH_SECONDS))
    accounts = GeneratedMarket(5).developers
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        upgrade(database)
        loop = start(database, chain)
        loop.take_turn(NEVER)
        spent = []
        for number in range(1, LIVE_BLOCKS * 4):
            some = accounts[number % 400 : number % 400 + 5]
            chain.mine(
                *[
                    event
                    for a in some
                    for event in (CounterBumped(a, number), Deposited(a, 1, number))
                ]
            )
            cpu = time.process_time()
            loop.take_turn(NEVER)
            spent.append(time.process_time() - cpu)
        loop.close()
        database.close()
    quarters = statistics.quantiles(spent, n=100)
    return [
        Row("a block of 10 events at the head, p50", round(quarters[49] * 1e3, 1), "CPU ms"),
        Row("a block of 10 events at the head, p99", round(quarters[98] * 1e3, 1), "CPU ms"),
    ]


MEASURES: dict[str, Callable[[], list[Row]]] = {
    "backfill": measure_backfill,
    "undo": measure_undo,
    "block": measure_block,
}
