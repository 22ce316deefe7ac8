"""What a payment gateway counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class PaymentsMetrics:
    """Counters of purchases, webhooks and deliveries, and what the books say."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the process's registry."""
        self.checkouts = Counter(
            "wasmarket_payments_checkouts",
            "Checkouts by the state they came to",
            ["state"],
            registry=registry,
        )
        self.webhooks = Counter(
            "wasmarket_payments_webhooks",
            "Webhooks: new, repeated, foreign or refused",
            ["outcome"],
            registry=registry,
        )
        self.deliveries = Counter(
            "wasmarket_payments_deliveries",
            "Deliveries by the state they came to",
            ["state"],
            registry=registry,
        )
        self.waiting = Gauge(
            "wasmarket_payments_waiting",
            "Deliveries that are owed and not final",
            registry=registry,
        )
        self.treasury = Gauge(
            "wasmarket_payments_treasury",
            "What the treasury holds, in base units",
            ["token"],
            registry=registry,
        )
        self.is_low = Gauge(
            "wasmarket_payments_treasury_low",
            "1 if the treasury is below its low-water mark",
            ["token"],
            registry=registry,
        )
        self.differences = Gauge(
            "wasmarket_payments_differences",
            "What the ledger, the chain and the processor disagree about",
            registry=registry,
        )
