"""Calls through a gateway: it on one core, the peer and the load on the other."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.peer.calls import choose_cores, measure_best
from bench.peer.load import ROOT
from bench.peer.market import PeerBench, pin


def measure_through_gateway() -> dict[str, float]:
    """Return what a gateway carries, with its access log on, and what it adds to one call."""
    near, far = choose_cores()
    with PeerBench.open(far, poll_seconds=1.0) as bench:
        deal = bench.deploy(bench.publish("warm", name="warm"))
        direct = bench.call_url(deal)
        bench.pin_all()
        with run_gateway(direct, deal, near) as (through, process):
            many = measure_best(through, far, [process])
            one = measure_best(through, far, [process], connections=1)
        alone = measure_best(direct, near, bench.processes(), connections=1)
    return {
        "gateway": many.seen.rate,
        "gateway cpu": many.cpu,
        "gateway p99": many.seen.p99,
        "gateway adds": one.seen.p50 - alone.seen.p50,
    }


@contextmanager
def run_gateway(direct: str, deal: int, core: int) -> Iterator[tuple[str, psutil.Process]]:
    """Run a gateway in front of the peer of the URL `direct`; yield its URL and its process."""
    parts = urlsplit(direct)
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(folder, "log").open("w", encoding="utf-8") as log,
    ):
        started = subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.peer.gateway_process"),
                *(f"{parts.scheme}://{parts.netloc}", str(deal), folder),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert started.stdout is not None
            url = started.stdout.readline().strip()
            pin(started.pid, core)
            yield url + parts.path, psutil.Process(started.pid)
        finally:
            started.terminate()
            started.wait()
