"""Compare the store with the chain: how far it is behind, and whether the service is ready."""

from collections.abc import Callable
from typing import Any

from wasmarket.chain.reading.blocks import Reader
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.service import Readiness
from wasmarket.store.chain.state import NotIndexed, fetch_indexed
from wasmarket.store.database import Database
from wasmarket.store.views import Indexed


class HeadWatch:
    """Knows the newest block of the node and of the store."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        extra: Callable[[], dict[str, Any]],
        max_lag: int,
        problems: Callable[[], list[str]] = list,
    ) -> None:
        """`extra` goes into the status; `max_lag` is in seconds of chain time; `problems` says
        what the process's loops cannot do.
        """
        self._database = database
        self._reader = reader
        self._max_lag = max_lag
        self._problems = problems
        self.extra = extra

    def number(self) -> int | None:
        """Return the node's newest block number, None when it does not answer."""
        try:
            return self._reader.fetch_head().number
        except MarketError:
            return None

    def indexed(self) -> Indexed | None:
        """Return as of which block the store is, None before the first."""
        try:
            with self._database.read() as session:
                return fetch_indexed(session)
        except NotIndexed:
            return None

    def readiness(self) -> Readiness:
        """Return whether answers are fresh enough. Raises Unreachable for the node or store."""
        indexed = self.indexed()
        if indexed is None:
            return Readiness(False, "nothing is indexed yet")
        behind = self._reader.fetch_head().timestamp - indexed.timestamp
        if behind > self._max_lag:
            return Readiness(False, f"the store is {behind} s behind the chain")
        problems = "; ".join(self._problems())
        return Readiness(not problems, problems)
