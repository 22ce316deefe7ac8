"""Settings of an indexer process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexerSettings:
    """`[indexer]` of wasmarket.toml.

    `poll_seconds`: pause between looks at the chain. `max_lag`: blocks behind the head from which
    on it is not ready. `reindex`: read the chain again beside what is there, then exchange it.
    """

    host: str = "127.0.0.1"
    port: int = 8602
    poll_seconds: float = 0.5
    max_lag: int = 20
    reindex: bool = False
