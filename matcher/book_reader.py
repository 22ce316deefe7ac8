"""The book for readers: read once per block and change, shared by all requests."""

import threading

from matcher.snapshot import Snapshot, read_snapshot
from store.chain_state import fetch_indexed
from store.database import Database
from store.events import fetch_latest


class BookReader:
    """Keeps the newest snapshot. Safe to share between threads; nobody may change what it gives."""

    def __init__(self, database: Database) -> None:
        """Read from `database` when asked."""
        self._database = database
        self._lock = threading.Lock()
        self._changes = 0
        self._key: tuple[str, int, int] | None = None
        self._snapshot: Snapshot | None = None

    def forget(self) -> None:
        """Read anew next time: an offer came or went."""
        self._changes += 1

    def read(self) -> Snapshot:
        """Return the market as of the last indexed block. Raises NotIndexed, Unreachable."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            key = (at.block_hash, fetch_latest(session).reorg, self._changes)
            with self._lock:
                if self._snapshot is not None and self._key == key:
                    return self._snapshot
            snapshot = read_snapshot(session)
        with self._lock:
            self._key, self._snapshot = key, snapshot
        return snapshot
