"""What a local market costs while nobody asks it for anything."""

import time
from itertools import pairwise

import psutil

SETTLE_SECONDS = 10.0
"""After which whatever began with the market is over."""
SECONDS = 20.0
SERVICES = ("indexer", "gateway", "matcher", "peer")


def measure_idle(root: psutil.Process) -> dict[str, float]:
    """Return the cores that a market uses, by the kind of its processes; `all` of them."""
    time.sleep(SETTLE_SECONDS)
    began, before = time.monotonic(), _read_times(root)
    time.sleep(SECONDS)
    after, passed = _read_times(root), time.monotonic() - began
    used = dict.fromkeys((*SERVICES, "all"), 0.0)
    for process, (kind, seconds) in after.items():
        cores = (seconds - before.get(process, (kind, 0.0))[1]) / passed
        used["all"] += cores
        if kind in used:
            used[kind] += cores
    return used


def _read_times(root: psutil.Process) -> dict[psutil.Process, tuple[str, float]]:
    times = {}
    for process in (root, *root.children(recursive=True)):
        spent = process.cpu_times()
        times[process] = _find_kind(process.cmdline()), spent.user + spent.system
    return times


def _find_kind(command: list[str]) -> str:
    """Return which service a command line is, from its `… indexer run …`; empty for others."""
    pairs = pairwise(command)
    return next((word for word, then in pairs if word in SERVICES and then == "run"), "")
