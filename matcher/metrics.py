"""What a matcher counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class MatcherMetrics:
    """Counters of rounds and their outcomes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the process's registry."""
        self.steps = Counter(
            "wasmarket_matcher_steps", "Turns of the loop", ["outcome"], registry=registry
        )
        self.matches = Counter(
            "wasmarket_matcher_matches", "Matches by outcome", ["outcome"], registry=registry
        )
        self.evictions = Counter(
            "wasmarket_matcher_evictions", "Assignments evicted", registry=registry
        )
        self.gap_ppm = Gauge(
            "wasmarket_matcher_gap_ppm",
            "Distance of the last round from its proven bound",
            registry=registry,
        )
        self.book = Gauge(
            "wasmarket_matcher_book_offers", "Live provider offers", registry=registry
        )
        self.open = Gauge(
            "wasmarket_matcher_open_offers", "Open developer offers", registry=registry
        )
