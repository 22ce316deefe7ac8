"""The same history through ponder, from npm at the locked version."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from bench.indexer.history import EPOCH_SECONDS
from wasmarket.testing.fake_chain import fake_deployment
from wasmarket_cli.local.plan import find_free_port

PROJECT = Path(__file__).resolve().parent / "ponder"
ABIS = Path(__file__).resolve().parents[2] / "wasmarket" / "kernel" / "abi"
CONTRACTS = ("Market", "Staking", "Proofs", "Meter", "Audits")
LONGEST = 1_200.0
CHAIN_ID = 777_777
"""As ponder is told: of the id of a development node it keeps nothing."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class PonderSeconds:
    """Processor seconds of ponder's runs, less those that it takes to start and stop at one block.

    `cold` and `warm` write the rows that our index writes, `events` each event and nothing else;
    only `cold` asks the node, the others have all blocks in their cache.
    """

    start: float
    cold: float
    warm: float
    events: float


def measure_ponder(rpc_url: str, last_block: int) -> PonderSeconds:
    """Measure ponder on a history. Raises TimeoutError, RuntimeError if it does not run."""
    first = fake_deployment(epoch_seconds=EPOCH_SECONDS).block
    with tempfile.TemporaryDirectory(prefix="wasmarket-ponder-") as name:
        folder = Path(name) / "project"
        shutil.copytree(PROJECT, folder)
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(install, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        start = _index(folder, "start", "all", rpc_url, first)
        cold = _index(folder, "cold", "all", rpc_url, last_block)
        warm = _index(folder, "warm", "all", rpc_url, last_block)
        events = _index(folder, "events", "events", rpc_url, last_block)
    return PonderSeconds(start, cold - start, warm - start, events - start)


def _index(folder: Path, schema: str, rows: str, rpc_url: str, last_block: int) -> float:
    """Return the processor seconds of one run into a schema of its own."""
    deployment = fake_deployment(epoch_seconds=EPOCH_SECONDS)
    port = find_free_port()
    environment = os.environ | {
        "BENCH_ABIS": str(ABIS),
        "BENCH_CHAIN": str(CHAIN_ID),
        "BENCH_CONTRACTS": json.dumps(
            {name: deployment.contracts[name].address for name in CONTRACTS}
        ),
        "BENCH_EPOCH": str(EPOCH_SECONDS),
        "BENCH_FIRST": str(deployment.block),
        "BENCH_LAST": str(last_block),
        "BENCH_ROWS": rows,
        "BENCH_RPC": rpc_url,
        "PONDER_TELEMETRY_DISABLED": "1",
        "CI": "1",
    }
    command = ["npx", "ponder", "start", "--schema", schema, "--port", str(port)]
    log = folder / f"{schema}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait(process, f"http://127.0.0.1:{port}/ready", log)
            return _processor_seconds(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"ponder ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"ponder is not ready: {log.read_text()[-2000:]}")


def _processor_seconds(group: int) -> float:
    """Return what the processes of a group have computed (Linux)."""
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            spent += sum(map(int, fields[11:15]))
    return spent / TICKS
