"""Tell whether a store has changed since one looked, without asking it anything."""

import sqlite3
from collections.abc import Callable, Hashable
from contextlib import closing
from pathlib import Path

from wasmarket.store.database import Database


class StoreWatch:
    """Spares a loop its questions while nobody has written: the answers would be the same.

    SQLite counts the commits of all processes in memory they share, which is read in microseconds.
    PostgreSQL has no such count: there, and before there is a file, everything is news. For one
    thread, except `close`.
    """

    def __init__(self, database: Database) -> None:
        """Open nothing yet."""
        self._path = database.path
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[Hashable, ...] | None = None

    def has_news(self, *also: Hashable) -> bool:
        """Say whether the store, or `also`, is other than when this was asked last."""
        version = None if self._path is None else self._read_version(self._path)
        if version is None:
            return True
        now = (version, *also)
        if now == self._seen:
            return False
        self._seen = now
        return True

    def forget(self) -> None:
        """Have news the next time: what was to be done is not done."""
        self._seen = None

    def take(self, step: Callable[[], object], *also: Hashable) -> None:
        """Take a step if there is news; one that fails is due again."""
        if not self.has_news(*also):
            return
        try:
            step()
        except BaseException:
            self.forget()
            raise

    def close(self) -> None:
        """Let go of the store."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read_version(self, path: Path) -> int | None:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode=ro",
                    uri=True,
                    check_same_thread=False,
                    isolation_level=None,
                )
            with closing(self._connection.execute("PRAGMA data_version")) as found:
                return int(found.fetchone()[0])
        except sqlite3.Error:
            # The store itself says what is wrong with it, to those who ask it.
            self.forget()
            self.close()
            return None
