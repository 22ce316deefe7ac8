"""Settings of an indexer process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexerSettings:
    """`[indexer]` of wasmarket.toml.

    `poll_seconds`: pause between looks at the chain. `max_lag`: blocks behind the head from which
    on it is not ready. `reindex`: drop all that came from the chain first, and read it anew.
    """

    host: str = "127.0.0.1"
    port: int = 8602
    poll_seconds: float = 0.5
    max_lag: int = 20
    reindex: bool = False
