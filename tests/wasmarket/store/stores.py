"""New stores for tests, and what is in them."""

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from wasmarket.store.columns import Base
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.migrate import upgrade

UNCOMPARED = {"journal", "reorg", "orphan", "epoch_total", "peer_epoch", "leadership"}
"""Tables that tell of the way to a state, not of the state."""


def make_template(folder: Path) -> Path:
    """Make a migrated SQLite file to copy from."""
    path = folder / "template.sqlite"
    database = open_database(sqlite_url(path))
    upgrade(database)
    database.close()
    return path


def copy_store(template: Path, path: Path) -> Database:
    """Open a store of its own, made from the template."""
    shutil.copy(template, path)
    return open_database(sqlite_url(path))


def dump(database: Database) -> dict[str, list[Any]]:
    """Return every row of every table that tells of the chain or the matcher, sorted."""
    with database.read() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in UNCOMPARED
        }
