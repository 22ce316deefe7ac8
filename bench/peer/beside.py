"""Calls of a peer beside workerd, in rounds that take turns: what the machine does meanwhile, it
does to both.
"""

from dataclasses import dataclass
from statistics import median

import psutil

from bench.peer.calls import CONNECTIONS, Best, choose_cores, find_port, measure_run
from bench.peer.load import Plan
from bench.peer.market import PeerBench
from bench.peer.others import install, run_workerd

ROUNDS = 5
SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as many calls as workerd a peer answers: by the clock, by processor time."""

    rate: float
    cpu: float


def measure_beside() -> dict[str, float]:
    """Return how many times as many calls as workerd a peer answers on one core.

    The median of five rounds; in each, the peer is asked with the same head each time and with no
    two heads alike, and workerd in the same two ways. Where the machine has other work, processor
    time says more than the clock: several processes get a larger share of a core than one.
    """
    server, client = choose_cores()
    install()
    with (
        PeerBench.open(server, poll_seconds=1.0) as bench,
        run_workerd(server, find_port()) as (other, process),
    ):
        ours = bench.call_url(bench.deploy(bench.publish("warm", name="warm")))
        bench.pin_all()
        peer = bench.processes()
        rounds = [
            [
                _compare(
                    measure_round(ours, client, peer, new_heads=new_heads),
                    measure_round(other, client, [process], new_heads=new_heads),
                )
                for new_heads in (False, True)
            ]
            for _ in range(ROUNDS)
        ]
    found: dict[str, float] = {}
    for index, name in enumerate(("same heads", "new heads")):
        found[f"beside {name}"] = median(ratios[index].rate for ratios in rounds)
        found[f"beside {name} cpu"] = median(ratios[index].cpu for ratios in rounds)
    return found


def _compare(ours: Best, other: Best) -> Ratio:
    return Ratio(ours.seen.rate / other.seen.rate, other.cpu / ours.cpu)


def measure_round(url: str, core: int, servers: list[psutil.Process], *, new_heads: bool) -> Best:
    """Return one measurement; raise RuntimeError when an answer was not a 200."""
    run = measure_run(Plan(url, CONNECTIONS, SECONDS, new_heads=new_heads), core, servers)
    if run.seen.failed:
        raise RuntimeError(f"{run.seen.failed} calls of {url} failed")
    return run
