"""Apply blocks and undo them: rows, journal and cursor in one transaction each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.json import decode as from_json
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import Conflict, WrongChain
from wasmarket.kernel.units import BlockNumber, Hash, Timestamp
from wasmarket.store.chain.epochs import (
    count_epochs,
    fetch_first_epoch,
    fetch_last_total,
    read_activities,
    sum_activities,
)
from wasmarket.store.chain.peers import fetch_last_peer
from wasmarket.store.chain.reputation.peer_epochs import fetch_proven, keep_provider_epochs
from wasmarket.store.chain.row_plans import Values, appended_tables, journaled_kinds, plan_of
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database
from wasmarket.store.indexes import create_reader_indexes, drop_reader_indexes, lacks_reader_indexes
from wasmarket.store.tables import (
    BlockRow,
    CursorRow,
    EpochTotalRow,
    JournalRow,
    OrphanRow,
    PeerEpochRow,
    ReorgRow,
)

DEPTH = 64
"""Blocks that can be undone; below, the chain is final."""

PRUNE_EVERY = 32

MOST_EPOCHS = 100
MOST_PEER_EPOCHS = 20_000
"""Epochs whose totals are counted at once, and peers in all of them together."""


class Ref(Protocol):
    """A block, as `chain.blocks.BlockRef`."""

    @property
    def number(self) -> BlockNumber: ...
    @property
    def hash(self) -> Hash: ...
    @property
    def parent(self) -> Hash: ...
    @property
    def timestamp(self) -> Timestamp: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A block that was applied."""

    number: BlockNumber
    hash: Hash
    parent: Hash
    timestamp: Timestamp


class ChainWriter:
    """The one writer of the chain's tables. Not for several threads.

    `guard` runs first in each transaction and raises if this process may no longer write
    (`Leader.check`).
    """

    def __init__(
        self,
        database: Database,
        deployment: Deployment,
        *,
        guard: Callable[[Session], None] | None = None,
        depth: int = DEPTH,
    ) -> None:
        """Write what `deployment` does into `database`; call `open` first."""
        self._database = database
        self._deployment = deployment
        self._guard = guard
        self.depth = depth
        self._session = database.open_writer()
        self._rows = ChainRows(self._session)
        self._at: Mark | None = None
        self._applied = 0
        self._lacks_indexes = False

    def open(self) -> list[Mark]:
        """Claim the store for the deployment and return the tail. Raises WrongChain.

        The tail: the newest blocks that were applied, newest last, at most `depth`.
        """
        with self._database.write() as session:
            _claim(session, self._deployment)
        with self._database.read() as session:
            tail = fetch_tail(session, self.depth)
            self._lacks_indexes = lacks_reader_indexes(session.connection())
        self._rows.forget()
        self._at = tail[-1] if tail else None
        return tail

    def apply(self, ref: Ref, fill: Callable[[ChainRows], None], *, is_final: bool = False) -> None:
        """Let `fill` change the rows, and commit them with the block, or nothing.

        `is_final`: the block will never be undone, nor are any below it that `fill` applies too,
        and no record is kept of how the rows were before. Raises Conflict when another process has
        moved the store on.
        """
        try:
            with self._database.begin(self._session):
                self._check()
                fill(self._rows)
                self._rows.flush(ref.number, journals=not is_final)
                self._session.execute(
                    insert(BlockRow).values(
                        number=ref.number, hash=ref.hash, parent=ref.parent, timestamp=ref.timestamp
                    )
                )
                _move(self._session, ref)
                self._applied += 1
                if self._applied % PRUNE_EVERY == 0:
                    _prune(self._session, self.depth)
        except BaseException:
            self._rows.forget()
            raise
        self._at = Mark(ref.number, ref.hash, ref.parent, ref.timestamp)

    def begin_backfill(self) -> None:
        """Leave indexes that only readers need for later, if nothing is there to be read yet."""
        if self._at is None and not self._lacks_indexes:
            with self._database.begin(self._session):
                self._check()
                drop_reader_indexes(self._session.connection())
            self._lacks_indexes = True

    def end_backfill(self) -> None:
        """Make the indexes that were left for later, also by a process that was killed."""
        if self._lacks_indexes:
            with self._database.begin(self._session):
                self._check()
                create_reader_indexes(self._session.connection())
            self._lacks_indexes = False

    def undo(self, number: BlockNumber, block_hash: Hash) -> None:
        """Put everything back to how it was after a block. Raises Conflict for an unknown block."""
        self._rows.forget()
        with self._database.begin(self._session):
            self._check()
            target = self._session.get(BlockRow, number)
            if target is None or target.hash != block_hash:
                raise Conflict(
                    f"block {number} cannot be returned to: the store does not know it",
                    remedy="read the chain again: `wasmarket indexer run --reindex`",
                )
            mark = Mark(target.number, target.hash, target.parent, target.timestamp)
            undone_from = self._at.number if self._at else number
            _note_reorg(self._session, undone_from, number, block_hash)
            _restore(self._session, number)
            _move(self._session, mark)
        self._rows.forget()
        self._at = mark

    def keep_totals(self) -> bool:
        """Keep the totals of epochs that became final, of some at a time; True if more are left.

        And who ran in them, and proved it.

        Raises Conflict when another process has moved the store on.
        """
        if self._at is None:
            return False
        # On the one connection that is warm: another one's cache of pages is as large.
        with self._database.begin(self._session):
            self._check()
            at = fetch_indexed(self._session)
            kept = fetch_last_total(self._session)
            first = fetch_first_epoch(self._session) if kept is None else kept + 1
            if first is None or first > at.final_epoch:
                return False
            epochs = min(MOST_EPOCHS, MOST_PEER_EPOCHS // (fetch_last_peer(self._session) + 1))
            last = min(at.final_epoch, first + max(epochs, 1) - 1)
            ran = sum_activities(read_activities(self._session, at, first, last), first, last)
            views = count_epochs(self._session, at, first, last, ran)
            proven = fetch_proven(self._session, first, last, ran)
            self._session.execute(
                insert(EpochTotalRow),
                [
                    {
                        "epoch": view.epoch,
                        "block_number": at.block,
                        "committed": view.committed,
                        "peers": view.peers,
                        "assignments": view.assignments,
                        "units": view.units,
                        "billed": view.billed,
                    }
                    for view in views
                ],
            )
            if ran:
                rows = [
                    (peer, epoch, at.block, assignments, units, billed, (epoch, peer) in proven)
                    for epoch, peer, assignments, units, billed in ran
                ]
                plan_of(PeerEpochRow).insert(self._session.connection(), rows)
                keep_provider_epochs(self._session, first, last, at.block)
        return last < at.final_epoch

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def _check(self) -> None:
        if self._guard:
            self._guard(self._session)
        query = select(CursorRow.block_number, CursorRow.block_hash).with_for_update()
        found = self._session.execute(query).one()
        known = (self._at.number, self._at.hash) if self._at else (None, None)
        if tuple(found) != known:
            raise Conflict(
                f"the store is at block {found[0]}, not {known[0]}: another indexer wrote to it",
                remedy="run one indexer per store; this one starts again from the store",
            )


ZERO = Hash("0x" + "0" * 64)


def fetch_tail(session: Session, depth: int = DEPTH) -> list[Mark]:
    """Return the newest blocks that were applied, newest last."""
    rows = session.execute(
        select(BlockRow.number, BlockRow.hash, BlockRow.parent, BlockRow.timestamp)
        .order_by(BlockRow.number.desc())
        .limit(depth)
    )
    return [Mark(*row) for row in reversed(rows.all())]


def _claim(session: Session, deployment: Deployment) -> None:
    """Make the store this deployment's, or check that it is."""
    cursor = session.get(CursorRow, 1)
    if cursor is None:
        session.add(
            CursorRow(
                id=1,
                chain_id=deployment.chain_id,
                market=deployment.market,
                epoch_seconds=deployment.parameters.epoch_seconds,
                proof_window=deployment.parameters.proof_window,
                block_number=None,
                block_hash=None,
                timestamp=None,
            )
        )
    elif (cursor.chain_id, cursor.market) != (deployment.chain_id, deployment.market):
        raise WrongChain(
            f"the store is of chain {cursor.chain_id}, Market {cursor.market}, not of chain "
            f"{deployment.chain_id}, Market {deployment.market}",
            field="store.url",
            remedy="use one store per deployment: another URL, or remove the old file",
        )


def _move(session: Session, ref: Ref) -> None:
    session.execute(
        update(CursorRow)
        .values(block_number=ref.number, block_hash=ref.hash, timestamp=ref.timestamp)
        .execution_options(synchronize_session=False)
    )


def _prune(session: Session, depth: int) -> None:
    """Forget what lies deeper than any reorg that is undone."""
    oldest = session.scalar(
        select(BlockRow.number).order_by(BlockRow.number.desc()).offset(depth).limit(1)
    )
    if oldest is not None:
        session.execute(delete(BlockRow).where(BlockRow.number < oldest))
        session.execute(delete(JournalRow).where(JournalRow.block_number <= oldest))


def note_rebuilt(session: Session) -> None:
    """Tell readers to fall back to the beginning: all that came from the chain is exchanged."""
    head = session.scalar(select(CursorRow.block_number))
    _note_reorg(session, head or 0, BlockNumber(0), ZERO)


def _note_reorg(session: Session, from_block: int, to_block: int, to_hash: Hash) -> None:
    """Keep which blocks are undone: readers may have seen them, and come back later."""
    session.execute(
        insert(ReorgRow).values(from_block=from_block, to_block=to_block, to_hash=to_hash)
    )
    reorg = session.scalar(select(func.max(ReorgRow.id)))
    undone = session.execute(
        select(BlockRow.number, BlockRow.hash).where(BlockRow.number > to_block)
    ).all()
    if not undone:
        return
    hashes = [hash_ for _, hash_ in undone]
    session.execute(delete(OrphanRow).where(OrphanRow.hash.in_(hashes)))
    session.execute(
        insert(OrphanRow),
        [{"number": number, "hash": hash_, "reorg": reorg} for number, hash_ in undone],
    )


def _restore(session: Session, number: BlockNumber) -> None:
    """Give every row that changed above a block what it had there."""
    connection = session.connection()
    entries = connection.execute(
        select(JournalRow.entity, JournalRow.key, JournalRow.image)
        .where(JournalRow.block_number > number)
        .order_by(JournalRow.id.desc())
    )
    # The oldest entry of a row tells how it was; all later ones lie between.
    oldest = {(entity, key): image for entity, key, image in entries}
    gone: dict[str, list[Values]] = {}
    back: dict[str, list[dict[str, Any]]] = {}
    for (entity, key), image in oldest.items():
        if image is None:
            gone.setdefault(entity, []).append(tuple(from_json(key).values()))
        else:
            back.setdefault(entity, []).append(from_json(image))
    kinds = journaled_kinds()
    for entity, keys in gone.items():
        plan_of(kinds[entity]).delete(connection, keys)
    for entity, images in back.items():
        _put_back(session, kinds[entity], images)
    for table in appended_tables():
        session.execute(delete(table).where(table.c.block_number > number))
    session.execute(delete(JournalRow).where(JournalRow.block_number > number))
    session.execute(delete(BlockRow).where(BlockRow.number > number))


def _put_back(session: Session, kind: type[Any], images: Sequence[dict[str, Any]]) -> None:
    plan = plan_of(kind)
    whole = [image for image in images if image.keys() == set(plan.names)]
    if whole:
        rows = [tuple(image[name] for name in plan.names) for image in whole]
        others = tuple(name for name in plan.names if name not in plan.key)
        if others:
            plan.update(session.connection(), rows, others)
    for image in images:
        if image.keys() != set(plan.names):
            # An older version wrote it, whose table had fewer columns.
            match = [plan.table.c[name] == image[name] for name in plan.key]
            session.execute(update(plan.table).where(*match).values(**image))
