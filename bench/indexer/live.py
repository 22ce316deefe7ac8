"""From a block on a real node to its row in the store, with the indexer as a process of its own."""

import json
import os
import sqlite3
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.matcher.rows import Row
from wasmarket.chain.development.anvil import Anvil
from wasmarket.client.home import Home
from wasmarket_cli.local.network import deploy_contracts

BLOCKS = 100
EPOCH_SECONDS = 60
PAUSE = 0.05
"""Seconds between blocks: the indexer is idle when one comes."""

LONGEST = 30.0
COMMAND = Path(__file__).resolve().parents[2] / "tools" / "wasmarket"


def measure_live() -> list[Row]:
    """Measure the time from the node's answer that a block is mined to the committed cursor."""
    with tempfile.TemporaryDirectory() as folder, Anvil.start() as anvil:
        home = Home(Path(folder))
        deploy_contracts(home, anvil.rpc, EPOCH_SECONDS)
        process = subprocess.Popen(
            [str(COMMAND), "--home", folder, "indexer", "run", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"WASMARKET_CHAIN__RPC": anvil.rpc.url},
            text=True,
        )
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["ready"]
            with closing(sqlite3.connect(home.store)) as store:
                _wait(store, anvil.rpc.fetch_block_number())
                seconds = [_time_block(anvil, store) for _ in range(BLOCKS)]
        finally:
            process.kill()
            process.communicate()
    hundredths = statistics.quantiles(seconds, n=100)
    return [
        Row("block to committed row, p50", round(hundredths[49] * 1e3, 1), "ms", "lower", 30),
        Row("block to committed row, p99", round(hundredths[98] * 1e3, 1), "ms", "lower", 150),
    ]


def _time_block(anvil: Anvil, store: sqlite3.Connection) -> float:
    time.sleep(PAUSE)
    anvil.cheats.mine()
    since = time.monotonic()
    _wait(store, anvil.rpc.fetch_block_number())
    return time.monotonic() - since


def _wait(store: sqlite3.Connection, number: int) -> None:
    until = time.monotonic() + LONGEST
    while (found := store.execute("SELECT block_number FROM cursor").fetchone()) is None or (
        found[0] is None or found[0] < number
    ):
        if time.monotonic() > until:
            raise TimeoutError(f"block {number} was not indexed within {LONGEST} s")
        time.sleep(0.0005)
