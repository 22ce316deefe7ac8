"""Count what effectors do, for Prometheus: by effector and outcome, never by deal or host."""

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from peer.runtime.effectors.signatures import HTTP, IPFS, KV, PROGRAMS
from peer.runtime.messages import HostAnswer
from wasmarket.kernel.documents.receipts import CallStatus

EFFECTORS: Final = frozenset({HTTP, IPFS, KV, PROGRAMS})
UNKNOWN: Final = "unknown"
"""What a worker asks for that no worker of ours does."""
BUCKETS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)


class EffectMetrics:
    """The counters of one peer's effectors."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register them."""
        self._seconds = Histogram(
            "wasmarket_effector_seconds",
            "What guests asked of effectors, by outcome, and how long it took",
            ["effector", "outcome"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._moved = Counter(
            "wasmarket_effector_bytes",
            "Bytes that guests gave to effectors (out) and got from them (in)",
            ["effector", "direction"],
            registry=registry,
        )

    def add(
        self, effector: str, seconds: float, answer: HostAnswer | None, given: int, got: int
    ) -> None:
        """Count one request; `answer` None: no honest worker makes it. Sizes are in bytes."""
        # NOTE: the name is the worker's word, which may be anything: labels are ours.
        known = effector if effector in EFFECTORS else UNKNOWN
        self._seconds.labels(known, _outcome(answer)).observe(seconds)
        self._moved.labels(known, "out").inc(given)
        self._moved.labels(known, "in").inc(got)


def _outcome(answer: HostAnswer | None) -> str:
    if answer is None:
        return "broken"
    if answer.status == CallStatus.TIME:
        return "time"
    if answer.status != CallStatus.ANSWERED:
        return "refused"
    return "failed" if _has_failed(answer.value) else "answered"


def _has_failed(value: Any) -> bool:
    """Say whether what a guest gets tells of an error: a text, or a part of a record."""
    if isinstance(value, dict):
        return bool(value.get("error") or value.get("ret_code"))
    return isinstance(value, str) and value != ""
