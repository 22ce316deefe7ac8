"""What a gateway counts for Prometheus, beside what every service does."""

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class GatewayMetrics:
    """The counters of one gateway."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self.retries = Counter(
            "wasmarket_gateway_retries",
            "Requests sent on to another peer of the deal",
            registry=registry,
        )
        self.hedges = Counter(
            "wasmarket_gateway_hedges",
            "Requests sent to a second peer because the first took long",
            registry=registry,
        )
        self.failures = Counter(
            "wasmarket_gateway_peer_failures",
            "Requests that a peer did not answer",
            registry=registry,
        )
        self.limited = Counter(
            "wasmarket_gateway_limited",
            "Requests refused by a rate limit",
            ["by"],
            registry=registry,
        )
        self.peer_seconds = Histogram(
            "wasmarket_gateway_peer_seconds",
            "Until a peer's answer began",
            buckets=BUCKETS,
            registry=registry,
        )
