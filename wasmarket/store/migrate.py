"""Bring a store's tables up to this version, once, however many processes start together."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from wasmarket.kernel.errors import ConfigError
from wasmarket.store.analyst_views import create_views, drop_views
from wasmarket.store.database import Database

FOLDER = Path(__file__).parent / "migrations"

_LOCK = 0x77_61_73_6D  # any number that no one else locks in this database


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations that are missing, in one transaction.

    Others wait for it: SQLite by its write lock, PostgreSQL by an advisory lock. Raises
    ConfigError when a newer version wrote the store.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    with database.connect() as connection:
        if database.is_postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            create_views(connection)
            return
        if current is not None and current not in {r.revision for r in script.walk_revisions()}:
            raise ConfigError(
                f"the store was written by a newer version (schema {current})",
                field="store.url",
                remedy="run that version, or give this one a store of its own",
            )
        config.attributes["connection"] = connection
        drop_views(connection)
        command.upgrade(config, revision)
        if (
            MigrationContext.configure(connection).get_current_revision()
            == script.get_current_head()
        ):
            create_views(connection)
