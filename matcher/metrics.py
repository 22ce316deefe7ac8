"""What a matcher counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)


class MatcherMetrics:
    """Counters of rounds and their outcomes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the process's registry."""
        self.matches = Counter(
            "wasmarket_matcher_matches", "Matches by outcome", ["outcome"], registry=registry
        )
        self.evictions = Counter(
            "wasmarket_matcher_evictions", "Assignments evicted", registry=registry
        )
        self.releases = Counter(
            "wasmarket_matcher_releases", "Dead assignments released", registry=registry
        )
        self.fills = Counter(
            "wasmarket_matcher_fills",
            "Fills assigned by the chain, skipped by it, or refused before they were sent",
            ["outcome"],
            registry=registry,
        )
        self.leads = Gauge(
            "wasmarket_matcher_leads", "1 in the process that submits", registry=registry
        )
        self.rebuilds = Counter(
            "wasmarket_matcher_book_rebuilds", "Times the whole book was read", registry=registry
        )
        self.changes = Counter(
            "wasmarket_matcher_book_changes", "Offers read again one by one", registry=registry
        )
        self.feed_seconds = Histogram(
            "wasmarket_matcher_feed_seconds",
            "Time to bring the book up to date",
            buckets=BUCKETS,
            registry=registry,
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
