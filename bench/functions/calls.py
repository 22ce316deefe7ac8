"""Calls of functions in Python and JavaScript over HTTP, and the first one after a restart."""

import http.client
import json
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil

from bench.functions.measures import LANGUAGES
from bench.peer.calls import CONNECTIONS, Best, choose_cores, find_port, measure_run
from bench.peer.load import Plan
from bench.peer.market import PeerBench
from bench.peer.others import install, run_workerd
from wasmarket.kernel.units import Hash
from wasmarket_cli.building.build import build_app

GUESTS = Path(__file__).with_name("guests")
BODY = json.dumps(["Ada"])
ROUNDS = 3
SECONDS = 3.0
FIRST_SERVICES = 10
MEMORY_MIB = 4_096


def publish(bench: PeerBench, language: str, *, instance: str, name: str = "") -> Hash:
    """Build a guest and put it into the peer's blocks; return the app."""
    with tempfile.TemporaryDirectory() as folder:
        app = shutil.copytree(GUESTS / language, Path(folder) / language)
        text = (app / "app.toml").read_text()
        text = text.replace('instance = "warm"', f'instance = "{instance}"')
        if name:
            text = text.replace(f'name = "bench-{language}"', f'name = "{name}"')
        (app / "app.toml").write_text(text)
        built = build_app(app, print)
    for cid, block in built.blocks.items():
        bench.runner.blocks.put(cid, block)
    return built.app


def call_url(bench: PeerBench, deal: int) -> str:
    """Return the URL of the guest's function."""
    return f"{bench.runner.url}/v1/deals/{deal}/app/greet"


def measure_warm() -> dict[str, float]:
    """Return rates, processor time and ratios of warm instances, in rounds beside workerd."""
    server, client = choose_cores()
    install()
    found: dict[str, float] = {}
    with (
        PeerBench.open(server, poll_seconds=1.0) as bench,
        run_workerd(server, find_port(), "greet.capnp") as (other, process),
    ):
        urls = {
            language: call_url(bench, bench.deploy(publish(bench, language, instance="warm")))
            for language in LANGUAGES
        }
        bench.pin_all()
        peer = bench.processes()
        rounds = []
        for _ in range(ROUNDS):
            theirs = _measure(other, client, [process])
            rounds.append(
                (theirs, {name: _measure(url, client, peer) for name, url in urls.items()})
            )
    for name in LANGUAGES:
        ours = [measured[name] for _, measured in rounds]
        found[f"{name} warm"] = max(run.seen.rate for run in ours)
        found[f"{name} warm cpu"] = min(run.cpu for run in ours)
        ratios = [(run[name].seen.rate / theirs.seen.rate) for theirs, run in rounds]
        found[f"{name} beside"] = median(ratios)
        found[f"{name} beside cpu"] = median(theirs.cpu / run[name].cpu for theirs, run in rounds)
    found["workerd"] = max(theirs.seen.rate for theirs, _ in rounds)
    found["workerd cpu"] = min(theirs.cpu for theirs, _ in rounds)
    return found


def measure_fresh() -> dict[str, float]:
    """Return rates and processor time where each call gets an instance of its own."""
    server, client = choose_cores()
    found: dict[str, float] = {}
    with PeerBench.open(server, poll_seconds=1.0) as bench:
        for language in LANGUAGES:
            deal = bench.deploy(publish(bench, language, instance="fresh"))
            bench.pin_all()
            runs = [
                _measure(call_url(bench, deal), client, bench.processes()) for _ in range(ROUNDS)
            ]
            found[f"{language} fresh"] = max(run.seen.rate for run in runs)
            found[f"{language} fresh cpu"] = min(run.cpu for run in runs)
    return found


def measure_first() -> dict[str, float]:
    """Return the p99 of the first call of each of some Python services after a restart, in ms."""
    with PeerBench.open(None, poll_seconds=1.0) as bench:
        deals = [
            bench.deploy(publish(bench, "python", instance="warm", name=f"first-{number}"))
            for number in range(FIRST_SERVICES)
        ]
        bench.runner.kill()
        bench.start()
        waits = []
        for deal in deals:
            bench.runner.wait_for_state(deal, "serving")
        for deal in deals:
            waits.append(_time_call(call_url(bench, deal)))
        return {"first call": sorted(waits)[int(len(waits) * 0.99)] * 1_000}


def _time_call(url: str) -> float:
    """Return the seconds of one call. Raises RuntimeError if it was not answered."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        connection.connect()
        began = time.perf_counter()
        connection.request("POST", where.path, BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        took = time.perf_counter() - began
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status}: {said!r}")
    return took


def _measure(url: str, core: int, servers: list[psutil.Process]) -> Best:
    run = measure_run(Plan(url, CONNECTIONS, SECONDS, json=BODY), core, servers)
    if run.seen.failed:
        raise RuntimeError(f"{run.seen.failed} calls of {url} failed")
    return run
