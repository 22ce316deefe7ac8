"""Read the chain again into a scratch store, and compare every column of every row with it.

Views know the present state only; this finds what they do not show: histories, events, apps.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexer.chain_copy import ChainCopy
from indexer.verify.comparison import A_ROW, NO_ROW, Compared
from wasmarket.chain.reading.blocks import Block, Reader
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.store.chain.table_scan import Row, chain_tables, key_columns, scan_table
from wasmarket.store.database import Database, Session, open_database, sqlite_url
from wasmarket.store.migrate import upgrade

COUNTED = ("epoch_total", "peer_epoch", "provider_epoch")
"""Tables that follow from others; when they were counted is no fact of the chain."""


@contextmanager
def open_scratch() -> Iterator[Database]:
    """Make an empty store in a temporary folder, which goes with the block."""
    with tempfile.TemporaryDirectory(prefix="wasmarket-verify-") as folder:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        try:
            upgrade(database)
            yield database
        finally:
            database.close()


def replay(
    scratch: Database,
    reader: Reader,
    deployment: Deployment,
    until: int,
    *,
    check_headers: bool = True,
    on_block: Callable[[int], object] = lambda _: None,
) -> None:
    """Index the chain up to block `until` into an empty store. Raises MarketError."""
    copy = ChainCopy(scratch, reader, deployment, check_headers=check_headers)
    try:
        for update in copy.advance(until):
            if isinstance(update, Block):
                on_block(update.ref.number)
        if copy.indexed != until:
            raise MarketError(
                f"the node gave the chain up to block {copy.indexed}, not {until}",
                remedy="it is behind or its chain has changed: try again",
            )
    finally:
        copy.close()


def replayed_tables() -> list[str]:
    """Return the tables that are compared whole."""
    return sorted(name for name in chain_tables() if name not in COUNTED)


def compare_replayed(stored: Session, again: Session, table: str) -> Iterator[Compared]:
    """Compare a table in two stores, row by row, in step by key."""
    names = key_columns(table)
    left, right = _keyed(stored, table, names), _keyed(again, table, names)
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[0] < theirs[0]):
            assert ours is not None
            yield Compared(_write(ours[0]), A_ROW, NO_ROW)
            ours = next(left, None)
        elif ours is None or theirs[0] < ours[0]:
            yield Compared(_write(theirs[0]), NO_ROW, A_ROW)
            theirs = next(right, None)
        else:
            if ours[1].get("branch") == "":
                # An older version did not keep it.
                ours[1]["branch"] = theirs[1]["branch"]
            yield Compared(_write(ours[0]), ours[1], theirs[1])
            ours, theirs = next(left, None), next(right, None)


def _keyed(
    session: Session, table: str, names: tuple[str, ...]
) -> Iterator[tuple[tuple[Any, ...], Row]]:
    for rows in scan_table(session, table):
        for row in rows:
            yield tuple(row[name] for name in names), row


def _write(key: tuple[Any, ...]) -> str:
    return "/".join(str(part) for part in key)
