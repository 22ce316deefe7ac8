"""Answer an ask about an epoch of a million receipts."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.audits.epochs import ASSIGNMENT, EPOCH, write_epoch
from peer.folder import PeerFolder

RECEIPTS = 1_000_000
RUNS = 3
MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[2]


def measure_answer() -> dict[str, float]:
    """Return processor time and memory until the transaction is signed: the best of some runs."""
    with tempfile.TemporaryDirectory() as room:
        write_epoch(PeerFolder(Path(room)), RECEIPTS)
        asked = [room, *(str(n) for n in (ASSIGNMENT, EPOCH, RECEIPTS // 2))]
        command = [sys.executable, "-m", "bench.audits.answer_once", *asked]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
            for _ in range(RUNS)
        ]
    return {
        "answer": min(run["seconds"] for run in runs),
        "answer memory": min(run["bytes"] for run in runs) / MIB,
    }
