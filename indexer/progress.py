"""What an indexer knows of its own work, for status, readiness and metrics."""

import threading
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, Counter, Gauge

NOT_LOOKED = "the indexer has not looked at the chain yet"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the indexer is; block numbers, None before the first.

    `rebuilt`: how far the chain was read again, beside what is served; None if it is not.
    `events`: how many were applied since the process began.
    """

    head: int | None = None
    indexed: int | None = None
    is_leader: bool = False
    problem: str = NOT_LOOKED
    remedy: str = ""
    rebuilt: int | None = None
    events: int = 0

    @property
    def lag(self) -> int | None:
        """Blocks behind the head."""
        if self.head is None or self.indexed is None:
            return None
        return max(0, self.head - self.indexed)


class Board:
    """Where the loop writes its progress and the HTTP threads read it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics of an indexer."""
        self._lock = threading.Lock()
        self._progress = Progress()
        self._head = Gauge("wasmarket_head_block", "newest block of the chain", registry=registry)
        self._indexed = Gauge("wasmarket_indexed_block", "newest block indexed", registry=registry)
        self._blocks = Counter("wasmarket_indexed_blocks", "blocks applied", registry=registry)
        self._events = Counter("wasmarket_indexed_events", "events applied", registry=registry)
        self._undone = Counter(
            "wasmarket_reorgs", "times that blocks were undone", registry=registry
        )

    @property
    def progress(self) -> Progress:
        """The latest progress."""
        with self._lock:
            return self._progress

    def set_leader(self, is_leader: bool) -> None:
        """Record whether this process is the one that writes."""
        self._change(is_leader=is_leader)

    def set_head(self, head: int) -> None:
        """Record the newest block of the chain."""
        self._head.set(head)
        self._change(head=head)
        if self.progress.problem == NOT_LOOKED:
            self._change(problem="")

    def set_indexed(self, number: int | None) -> None:
        """Record as of which block the store is."""
        if number is not None:
            self._indexed.set(number)
        self._change(indexed=number)

    def set_rebuilt(self, number: int | None) -> None:
        """Record how far the chain was read again."""
        self._change(rebuilt=number)

    def count_block(self, number: int, events: int) -> None:
        """Count an applied block."""
        self._blocks.inc()
        self._events.inc(events)
        self._indexed.set(number)
        self._change(indexed=number, events=self.progress.events + events)

    def count_undo(self, number: int) -> None:
        """Count a reorg that went back to a block."""
        self._undone.inc()
        self.set_indexed(number)

    def succeed(self) -> None:
        """Record a look at the chain that went through."""
        self._change(problem="", remedy="")

    def fail(self, problem: str, remedy: str = "") -> None:
        """Record a look at the chain that did not, why, and what to do."""
        self._change(problem=problem, remedy=remedy)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
