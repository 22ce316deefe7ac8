"""New stores for tests, and what is in them."""

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from wasmarket.store.columns import Base
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.migrate import upgrade

COUNTED = {"epoch_total", "peer_epoch", "provider_epoch"}
UNCOMPARED = {"journal", "reorg", "orphan", "leadership"} | COUNTED
"""Tables that tell of the way to a state, not of the state."""

OLD_EVENTS = (
    (1, 0, "PeerRegistered", 100, 1, '{"peer": 1, "units": 10}'),
    (1, 1, "PeerRegistered", 100, 2, '{"peer": 2, "units": 4}'),
    (2, 0, "PeerUnits", 130, 1, '{"peer": 1, "units": 3}'),
    (3, 0, "PeerUnits", 190, 1, '{"peer": 1, "units": 12}'),
    (3, 1, "PeerEndpoint", 190, 1, '{"peer": 1}'),
)
RESIZES = [(1, 1, 10), (2, 1, 4), (1, 2, -7), (1, 3, 9)]
"""By how much these change the units of which peer, in which epoch: (peer, epoch, delta)."""


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


def upgrade_with_resizes(database: Database) -> list[tuple[int, ...]]:
    """Give an empty store of an older version `OLD_EVENTS`, upgrade it, return what it then has."""
    upgrade(database, "0012")
    members = ("block", "place", "name", "at", "peer", "data")
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO cursor (id, chain_id, market, epoch_seconds, proof_window)"
                " VALUES (1, 1, 'x', 60, 1)"
            )
        )
        for row in OLD_EVENTS:
            session.execute(
                text(
                    "INSERT INTO event (block_number, log_index, name, timestamp, peer, data,"
                    " tx_hash) VALUES (:block, :place, :name, :at, :peer, :data, 'x')"
                ),
                dict(zip(members, row, strict=True)),
            )
    upgrade(database)
    with database.read() as session:
        found = session.execute(text("SELECT peer, epoch, delta FROM unit_change ORDER BY 2, 1"))
        return [tuple(row) for row in found]
