"""Elect one process per task: a lock that dies with its holder, and a token that fences it."""

import fcntl
import hashlib
import os
import socket
import threading
from types import TracebackType

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import Conflict
from wasmarket.store.database import Database
from wasmarket.store.errors import translated
from wasmarket.store.tables import LeadershipRow


class LeadershipLost(Conflict):
    """Leadership lost"""

    slug = "leadership-lost"


class Leader:
    """One of the processes that want to lead as `name` ("indexer", "submitter").

    PostgreSQL: an advisory lock of a transaction that stays open, so that it is held through a
    pooler of transactions as well; SQLite: a lock on a file beside the store. Either goes with the
    process, also with kill -9. A leader that was paused so long that another took over is stopped
    by `check`, which must be first in each of its transactions.
    """

    def __init__(self, database: Database, name: str, holder: str = "") -> None:
        """Take part in the election as `holder` (default: host and process id)."""
        self._database = database
        self._name = name
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._connection: Connection | None = None
        self._file: int | None = None
        self._token: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process leads, as far as it knows without asking."""
        return self._token is not None

    def acquire(self) -> bool:
        """Try to lead now; True if this process leads."""
        if self._token is not None:
            return True
        locked = self._lock_server() if self._database.is_postgres else self._lock_file()
        if locked:
            try:
                self._token = self._next_token()
            except BaseException:
                self.release()
                raise
        return locked

    def wait(self, stop: threading.Event, interval: float = 1.0) -> bool:
        """Try until this process leads (True) or `stop` is set (False)."""
        while not self.acquire():
            if stop.wait(interval):
                return False
        return True

    def check(self, session: Session) -> None:
        """Make sure, until the transaction ends, that no other took over. Raises LeadershipLost."""
        query = select(LeadershipRow.token).where(LeadershipRow.name == self._name)
        # A share lock makes the next leader wait for this transaction before it counts up.
        token = session.scalar(query.with_for_update(read=True))
        if self._token is None or token != self._token:
            self.release()
            raise LeadershipLost(
                f"this process no longer leads as {self._name}",
                remedy="nothing is lost: the other process goes on; this one waits its turn",
            )

    def release(self) -> None:
        """Stop leading."""
        self._token = None
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            # The lock is the connection's: it must not go back to the pool.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def __enter__(self) -> "Leader":
        """Lead, if possible, inside of `with`."""
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop leading."""
        self.release()

    def _lock_file(self) -> bool:
        path = f"{self._database.path}.{self._name}.lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._file = handle
        return True

    def _lock_server(self) -> bool:
        with translated():
            return self._lock_connection()

    def _lock_connection(self) -> bool:
        connection = self._database.engine.connect()
        key = int.from_bytes(
            hashlib.sha256(f"wasmarket {self._name}".encode()).digest()[:8], "big", signed=True
        )
        try:
            # A leader may have nothing to do for days.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            locked = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key})
        except DBAPIError:
            connection.close()
            raise
        if not locked:
            connection.close()
            return False
        self._connection = connection
        return True

    def _next_token(self) -> int:
        with self._database.write() as session:
            row = session.get(LeadershipRow, self._name, with_for_update=True)
            if row is None:
                row = LeadershipRow(name=self._name, token=0, holder="")
                session.add(row)
            row.token += 1
            row.holder = self._holder
            return row.token
