"""What a peer tells Prometheus: read from its parts when asked, kept nowhere else."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from peer.hosting.host import Host


class PeerMetrics(Collector):
    """Calls by outcome, deals by state, and workers."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now (prometheus_client calls this)."""
        deals = list(self._host.deals.values())
        calls: Counter[str] = Counter()
        for deal in deals:
            for status, count in deal.tally.by_status.items():
                calls[status.name.lower()] += count
        yield _counter("calls", "Calls that reached a worker", "outcome", calls)
        states = GaugeMetricFamily("wasmarket_peer_deals", "Deals by state", labels=["state"])
        for state, count in Counter(deal.state().value for deal in deals).items():
            states.add_metric([state], count)
        yield states
        workers = [len(run.workers.pool.pids) for deal in deals for run in list(deal.runs.values())]
        yield GaugeMetricFamily("wasmarket_peer_workers", "Worker processes", sum(workers))


def _counter(
    name: str, text: str, label: str, values: dict[str, int] | Counter[str]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"wasmarket_peer_{name}", text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
