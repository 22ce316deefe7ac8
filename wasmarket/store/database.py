"""Open the database: SQLite by default, PostgreSQL by URL; sessions to read and to write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import ConfigError
from wasmarket.store.errors import translated

__all__ = ["Database", "Session", "open_database", "sqlite_url"]

BUSY_MS = 30_000
"""How long a writer of SQLite waits for another process to finish."""

CACHE_KIB = 8_192
"""Of a SQLite connection, where needed; the default of 2 MiB thrashes while many rows are added.
More only takes memory: the system keeps the file's pages too."""

CHECKPOINT_PAGES = 4_000
"""Of 4 KiB in SQLite's log before they go into the file: a page changed ten times goes once."""

_WRITES = "wasmarket_writes"


class Database:
    """A store of the market, shared by processes and threads. Nobody else commits."""

    def __init__(self, engine: Engine) -> None:
        """Wrap an engine that `open_database` has set up."""
        self.engine = engine
        self.write_options = {_WRITES: True}
        self._writer = engine.execution_options(**self.write_options)
        # Two reads of one session must see one state: events and the reorgs between them.
        # SQLite's transactions are so anyway.
        isolation = {"isolation_level": "REPEATABLE READ"} if self.is_postgres else {}
        self._reader = engine.execution_options(**isolation)

    @property
    def is_postgres(self) -> bool:
        """Whether this is PostgreSQL, else SQLite."""
        return self.engine.dialect.name == "postgresql"

    @property
    def path(self) -> Path | None:
        """The file of a SQLite store."""
        name = self.engine.url.database
        return None if self.is_postgres or not name else Path(name)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that sees one state of the store throughout and changes nothing."""
        with translated(), Session(self._reader, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that commits as a whole at the end of the block, or not at all.

        On SQLite one writer runs at a time; others wait. Keep it short, do no I/O inside.
        """
        with (
            translated(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def open_writer(self) -> Session:
        """Return a session for many transactions of one thread; its user closes it.

        Each is in a block of `begin`.
        """
        return Session(self._writer, expire_on_commit=False, autoflush=False)

    @contextmanager
    def begin(self, session: Session) -> Iterator[None]:
        """Open a transaction of a writer's session, which ends with the block."""
        with translated(), session.begin():
            yield

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection for writing, in a transaction that ends with the block."""
        with translated(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open a store by its SQLAlchemy URL. Raises ConfigError for one that is not ours.

    `sqlite:///relative`, `sqlite:////absolute` or `postgresql://user:password@host/name`. A new
    SQLite file is made; nothing is migrated here (`store.migrate.upgrade`).
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_open_sqlite(parsed))
    engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    event.listen(engine, "connect", _heed_pooler)
    return Database(engine)


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path}"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "the store's URL cannot be read",
            field="store.url",
            remedy="give sqlite:////path/to/file or postgresql://user:password@host/name",
        ) from error
    if backend not in ("sqlite", "postgresql") or (
        backend == "sqlite" and parsed.database in (None, "", ":memory:")
    ):
        raise ConfigError(
            f"the store cannot be {parsed.render_as_string(hide_password=True)}",
            field="store.url",
            remedy="give a SQLite file or a PostgreSQL database",
        )
    return parsed


def _heed_pooler(connection: Any, _record: Any) -> None:
    """Prepare no statements where PgBouncer stands between: each transaction may run on another
    connection of the server, which knows other statements.

    Behind a pooler the server's process is not the one that the connection was told.
    """
    [process] = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    if process != connection.info.backend_pid:
        connection.prepare_threshold = None


def _open_sqlite(url: URL) -> Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {path.parent}: {error.strerror}", field="store.url"
        ) from error
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000})
    opening = threading.Lock()

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: `begin` below does.
        connection.isolation_level = None
        with opening:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: upgrading a reader fails when another wrote meanwhile.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
