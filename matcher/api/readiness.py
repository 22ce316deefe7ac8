"""Say how far the store is behind the chain, whether the service is ready, which peers answer."""

from collections.abc import Callable
from typing import Any

from matcher.api.per_block import PerBlock
from wasmarket.chain.reading.blocks import Reader
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.service import Readiness
from wasmarket.store.chain.state import NotIndexed, fetch_indexed
from wasmarket.store.database import Database, Session
from wasmarket.store.matching.peer_checks import CheckCounts, count_peer_checks
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


class AnsweringPeers:
    """How many peers with offers answer at their endpoints, and how many do not; of a large market
    as of some blocks ago."""

    def __init__(self, database: Database) -> None:
        """Count nothing before it is asked for."""
        self._database = database
        self._counts = PerBlock(database, _count_peers)

    def read(self) -> dict[str, int]:
        """Return both, and as of which block they are, as JSON."""
        try:
            with self._database.read() as session:
                found, at = self._counts.get(session)
        except NotIndexed:
            return {"answering": 0, "unreachable": 0, "block": 0}
        return {
            "answering": found.answering,
            "unreachable": found.unreachable,
            "block": at.block,
        }


def _count_peers(session: Session, at: Indexed) -> CheckCounts:
    return count_peer_checks(session, at.timestamp)
