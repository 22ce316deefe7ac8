"""Keep what costs much to count: who asks often is told the same, and nobody waits for it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from wasmarket.kernel.errors import MarketError
from wasmarket.store.chain.events import fetch_stamp
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database, Session
from wasmarket.store.views import Indexed

Value = TypeVar("Value")

logger = logging.getLogger(__name__)

CHEAP = 0.02
"""Seconds of processor that a count may take to be made anew with each block, by whoever asks."""

RARELY = 50
"""A dearer one takes at most this part of a core: it is as of some blocks ago meanwhile."""


class PerBlock(Generic[Value]):
    """One value as of a block near the newest; safe to share between threads.

    While it is cheap to count it is always as of the newest. Once it is dear, who asks gets what
    was counted last, and a thread counts again. `spent` and `clock` return seconds, of processor
    and of time; `start` lets a function run apart.
    """

    def __init__(
        self,
        database: Database,
        count: Callable[[Session, Indexed], Value],
        *,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
        start: Callable[[Callable[[], None]], object] = lambda f: threading.Thread(
            target=f, name="count", daemon=True
        ).start(),
    ) -> None:
        """Begin without a value."""
        self._database = database
        self._count = count
        self._clock, self._spent, self._start = clock, spent, start
        self._lock = threading.Lock()
        self._found: tuple[Value, Indexed] | None = None
        self._stamp: tuple[str | None, int, int] | None = None
        self._cost = self._last_cost = 0.0
        self._next_at = 0.0

    def get(self, session: Session) -> tuple[Value, Indexed]:
        """Return the value, and as of which block it is. Raises NotIndexed.

        Of several who ask for the first at once one counts and the others wait for it.
        """
        stamp = fetch_stamp(session)
        with self._lock:
            if self._found is None or (stamp != self._stamp and self._cost <= CHEAP):
                self._keep(session)
            elif stamp != self._stamp and self._clock() >= self._next_at:
                # Nobody else begins before this one had time to end.
                self._next_at = self._clock() + RARELY * self._cost
                self._start(self._count_apart)
            assert self._found is not None  # counted above, or before
            return self._found

    def _count_apart(self) -> None:
        try:
            with self._database.read() as session:
                self._keep(session)
        except MarketError as error:
            logger.warning("not counted again", extra={"detail": error.detail})

    def _keep(self, session: Session) -> None:
        stamp, at, began = fetch_stamp(session), fetch_indexed(session), self._spent()
        found = self._count(session, at), at
        cost = self._spent() - began
        # Twice in a row: the first count also prepares its statements.
        self._cost, self._last_cost = min(cost, self._last_cost), cost
        self._next_at = self._clock() + RARELY * self._cost
        self._found, self._stamp = found, stamp
