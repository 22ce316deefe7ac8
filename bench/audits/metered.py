"""Metered calls beside reserved ones of the same guest on the same peer, in rounds by turns."""

from statistics import median

from bench.peer.beside import measure_round
from bench.peer.calls import choose_cores
from bench.peer.market import PeerBench
from wasmarket.kernel.documents.app_parts import FUEL_SCHEDULE, Limits

ROUNDS = 5
LIMITS = Limits(call_ms=1_000, fuel=10**9, fuel_schedule=FUEL_SCHEDULE)
POLICY = '[metered]\ncredit = "1000"\n'
METER = "0x" + "ab" * 20


def measure_metered() -> dict[str, float]:
    """Return how many metered calls a peer answers for each reserved one: the medians."""
    server, client = choose_cores()
    with PeerBench.open(server, policy=POLICY, poll_seconds=1.0) as bench:
        reserved = bench.call_url(bench.deploy(bench.publish("warm", name="reserved")))
        app = bench.publish("warm", name="metered", limits=LIMITS)
        metered = bench.call_url(bench.deploy(app, meter=METER))
        bench.pin_all()
        processes = bench.processes()
        rounds = [
            (
                measure_round(metered, client, processes, new_heads=False),
                measure_round(reserved, client, processes, new_heads=False),
            )
            for _ in range(ROUNDS)
        ]
    return {
        "metered": median(ours.seen.rate / other.seen.rate for ours, other in rounds),
        "metered cpu": median(other.cpu / ours.cpu for ours, other in rounds),
    }
