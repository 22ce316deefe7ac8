"""The book for readers: kept up to date change by change, shared by all requests."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from matcher.orderbook.incremental import Feed
from matcher.orderbook.rw_lock import SharedLock
from matcher.orderbook.snapshot import Snapshot
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.selection.wishes import NO_WISH, Wish
from wasmarket.store.chain.state import NotIndexed
from wasmarket.store.database import Database

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
"""So much older may the book of `at_once` be while somebody looks for changes."""


class BookReader:
    """One feed for the threads of a process; nobody may change what it gives."""

    def __init__(
        self,
        database: Database,
        look_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        *,
        reachable_only: bool = False,
    ) -> None:
        """Look for changes at most every `look_seconds`; `clock` returns seconds.

        `reachable_only` as for the feed.
        """
        self._feed = Feed(database, reachable_only=reachable_only)
        self._lock = SharedLock()
        self._looking = threading.Lock()
        self._look_seconds = look_seconds
        self._clock = clock
        self._looked_at: float | None = None
        self._is_claimed = False
        self._has_history = False

    @property
    def rebuilds(self) -> int:
        """How often everything was read."""
        return self._feed.rebuilds

    def forget(self) -> None:
        """Look again with the next request: an offer came or went here."""
        self._looked_at = None

    @contextmanager
    def reading(self, wish: Wish = NO_WISH) -> Iterator[Snapshot]:
        """Give the market as of the last indexed block; it stays so inside of `with`.

        With a `wish` that goes by histories of peers these are in it. Raises NotIndexed,
        Unreachable.
        """
        if wish.goes_by_history and not self._has_history:
            self._feed.want_history()
            self._looked_at = None
            self._has_history = True
        self._catch_up()
        with self._lock.shared():
            snapshot = self._feed.snapshot
            if snapshot is None:
                raise NotIndexed("the book is not read yet", remedy="try again")
            yield snapshot

    @contextmanager
    def at_once(self) -> Iterator[Snapshot | None]:
        """Give the market as `reading` does, or None where that would have to wait for anything:
        for who must not block, and has somebody else `look` when `claim_look` says so."""
        looked_at, bearable = self._looked_at, self._look_seconds + PATIENCE_SECONDS
        is_fresh = looked_at is not None and self._clock() - looked_at < bearable
        if not (is_fresh and self._look_seconds and self._lock.try_shared()):
            yield None
            return
        try:
            yield self._feed.snapshot
        finally:
            self._lock.leave_shared()

    def claim_look(self) -> bool:
        """Return whether changes are to be looked for now: to one caller, who must `look`."""
        looked_at = self._looked_at
        if self._is_claimed or looked_at is None:
            return False
        # One event loop claims: there is no race to mind.
        self._is_claimed = self._clock() - looked_at >= self._look_seconds
        return self._is_claimed

    def look(self) -> None:
        """Look for changes; what goes wrong is told to whoever reads next."""
        try:
            self._catch_up()
        except MarketError as error:
            logger.warning("book not read", extra={"detail": error.detail})
        finally:
            self._is_claimed = False

    def _catch_up(self) -> None:
        with self._looking:
            now = self._clock()
            looked_at = self._looked_at
            if looked_at is not None and now - looked_at < self._look_seconds:
                return
            self._looked_at = now
            try:
                if not self._feed.is_current():
                    with self._lock.exclusive():
                        self._feed.refresh()
            except BaseException:
                self._looked_at = None
                raise
