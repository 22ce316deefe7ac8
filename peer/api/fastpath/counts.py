"""Count answers to calls as plain numbers, and add them to the service's metrics when asked."""

import threading
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.registry import Collector


class CallCounts(Collector):
    """A counter of Prometheus takes a lock and checks each number: that is not for every call."""

    def __init__(self, requests: Counter, service: str, registry: CollectorRegistry) -> None:
        """`requests` counts answers by the labels service and status."""
        self.answered = 0
        """How many calls were answered with a 200; the event loop alone adds to it."""
        self._reported = 0
        self._lock = threading.Lock()
        self._requests = requests
        self._service = service
        self._ok = requests.labels(service, "200")
        # NOTE: the registry asks in the order of registration; this must come before `requests`.
        registry.unregister(requests)
        registry.register(self)
        registry.register(requests)

    def add(self, status: int) -> None:
        """Count an answer of another status."""
        self._requests.labels(self._service, str(status)).inc()

    def describe(self) -> list[Metric]:
        """Say that it has no metric of its own (prometheus_client calls this)."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Bring the counter up to date (prometheus_client calls this)."""
        with self._lock:
            answered = self.answered
            self._ok.inc(answered - self._reported)
            self._reported = answered
        return iter(())
