"""Read the chain again beside what is there; nobody reads it before it is whole."""

import threading
import time
from collections.abc import Callable, Iterator

from indexer.chain_copy import ChainCopy
from wasmarket.chain.reading.blocks import Update
from wasmarket.kernel.errors import MarketError
from wasmarket.store.beside import discard_beside, open_beside, take_over
from wasmarket.store.database import Database, Session

SLICE_SECONDS = 2.0
"""How long the new copy is worked on before the old one is brought up to date again."""


class Rebuild:
    """A copy of the chain that will take the place of the one that is read."""

    def __init__(self, database: Database, make: Callable[[Database], ChainCopy]) -> None:
        """`make` begins to follow the chain into a store."""
        self._database = database
        self._beside = open_beside(database)
        self._copy = make(self._beside)
        self._updates: Iterator[Update] | None = None

    @property
    def indexed(self) -> int | None:
        """The newest block of the new copy."""
        return self._copy.indexed

    def advance(self, stop: threading.Event, beat: Callable[[], object]) -> bool:
        """Work for a while; True once the new copy is at the head. Raises MarketError."""
        until = time.monotonic() + SLICE_SECONDS
        if self._updates is None:
            self._updates = self._copy.advance()
        try:
            for _ in self._updates:
                beat()
                if stop.is_set() or time.monotonic() > until:
                    return False
        except MarketError:
            self._copy.forget()
            self._updates = None
            raise
        self._updates = None
        while self._copy.writer.keep_totals() and not stop.is_set():
            beat()
        return not stop.is_set()

    def finish(self, guard: Callable[[Session], None]) -> None:
        """Put the new copy in the old one's place, at once for all who read."""
        self._copy.close()
        take_over(self._database, self._beside, guard)
        discard_beside(self._database)

    def discard(self) -> None:
        """Drop the new copy."""
        self._copy.close()
        self._beside.close()
        discard_beside(self._database)
