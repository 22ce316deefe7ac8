"""Check papers and run calls again as the meter does; by processor time."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.audits.epochs import ASSIGNMENT, DEAL, EPOCH, PEER, SECONDS, write_epoch
from bench.peer.market import load_tests
from meter.papers.examine import Claim, Papers, examine
from meter.rerun import AT_ONCE, KnownCall
from peer.duties.commitments import read_commitment
from peer.folder import PeerFolder
from peer.receipts.epoch_files import EpochFiles
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.audits.evidence import build_summed
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits
from wasmarket.kernel.documents.receipts import function_hash
from wasmarket.serving.outbound import Outbound
from wasmarket_cli.auditing.execution import run_executor

CHECKED = 100_000
RERUN = 300 * AT_ONCE
RUNS = 5
LIMITS = Limits(call_ms=1_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)


def measure_checks() -> dict[str, float]:
    """Return how many receipts a core checks: the best of some runs."""
    with tempfile.TemporaryDirectory() as room:
        folder = PeerFolder(Path(room))
        write_epoch(folder, CHECKED)
        closed = read_commitment(folder.commitments, EPOCH)
        if closed is None:
            raise RuntimeError("the epoch was not closed")
        receipts = tuple(EpochFiles(folder.receipts_of(ASSIGNMENT)).read_epoch(EPOCH))
        summed = build_summed(closed.summaries[0], 0, 1, closed.tree().prove(0))
        claim = Claim(PEER, DEAL, ASSIGNMENT, EPOCH, SECONDS, raw(closed.root), None, ())
        papers = Papers((summed,), receipts)

        def check() -> None:
            if examine(claim, papers).problem:
                raise RuntimeError("true papers were found wrong")

        return {"checks": CHECKED / min(_time(check) for _ in range(RUNS))}


def measure_reruns() -> dict[str, float]:
    """Return how many calls are run again for each second that meter and worker compute."""
    runner = load_tests("peer.peer_runner")
    with tempfile.TemporaryDirectory() as room:
        wasm = runner.GREETING.read_bytes()
        blocks = BlockFolder(Path(room) / "blocks")
        app = runner.publish(blocks, wasm, limits=LIMITS, deterministic=True)
        with run_executor(Path(room), Outbound(False), ()) as execute:
            call = KnownCall(raw(app), function_hash("greeting", "greeting"), b'["you"]', b"")
            [value] = execute([call])
            if value is None:
                raise RuntimeError("the call cannot be run again")
            calls = [KnownCall(call.app, call.function, call.input, value)] * AT_ONCE

            def run(count: int) -> None:
                for _ in range(count // AT_ONCE):
                    if set(execute(calls)) != {value}:
                        raise RuntimeError("a call ended in another way")

            run(RERUN // 10)
            spent = min(_compute(lambda: run(RERUN)) for _ in range(RUNS))
    return {"reruns": RERUN / spent}


def _time(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _compute(work: Callable[[], object]) -> float:
    """Return what this process and its children compute meanwhile, in seconds."""
    me = psutil.Process()
    processes = [me, *me.children(recursive=True)]

    def total() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    began = total()
    work()
    return total() - began
