"""One store's copy of the chain: what was applied to it, and what comes next."""

from collections.abc import Callable, Iterator, Sequence

from indexer.apply import apply_logs
from indexer.bulk_load import load_rows
from indexer.read_ahead import read_ahead
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.blocks import Block, BlockRef, Reader, Rollback, Update
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.chain.writer import ChainWriter, Mark
from wasmarket.store.database import Database, Session

EVENTS_AT_ONCE = 5_000
BLOCKS_AT_ONCE = 5_000
"""Final blocks that one transaction applies."""


class ChainCopy:
    """Follows one deployment into one store. For one thread."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        deployment: Deployment,
        *,
        guard: Callable[[Session], None] | None = None,
        confirmations: int = 0,
        check_headers: bool = True,
    ) -> None:
        """Set up; nothing is read or written yet. `guard` is asked first in each transaction."""
        self.writer = ChainWriter(database, deployment, guard=guard)
        self._deployment = deployment
        self._follower = Follower(
            reader,
            deployment,
            Decoder(deployment),
            confirmations=confirmations,
            check_headers=check_headers,
        )
        self._tail: list[Mark] | None = None

    @property
    def indexed(self) -> int | None:
        """The newest block that was applied, None before the first."""
        return self._open()[-1].number if self._open() else None

    def forget(self) -> None:
        """Read the store again before the next step: it may not be what is in memory."""
        self._tail = None

    def advance(self, until: int | None = None) -> Iterator[Update]:
        """Apply what is new, and yield each update once it is committed. Raises MarketError.

        `until`: go no further than this block.
        """
        for blocks in read_ahead(gather(self._follower.poll(_refs(self._open()), until))):
            if isinstance(blocks, Rollback):
                self._undo(blocks)
                yield blocks
            else:
                if blocks[-1].is_final:
                    self.writer.begin_backfill()
                else:
                    self.writer.end_backfill()
                self._apply(blocks)
                yield from blocks
        self.writer.end_backfill()

    def close(self) -> None:
        """Give the store's connection back."""
        self.writer.close()

    def _open(self) -> list[Mark]:
        if self._tail is None:
            self._tail = self.writer.open()
        return self._tail

    def _apply(self, blocks: Sequence[Block]) -> None:
        """Apply blocks in one transaction: one that may be undone, or several that never are."""

        def fill(rows: ChainRows) -> None:
            if len(blocks) > 1:
                load_rows(rows, blocks)
            apply_logs(rows, self._deployment, blocks)

        ref = blocks[-1].ref
        self.writer.apply(ref, fill, is_final=blocks[-1].is_final)
        tail = self._open()
        tail.append(Mark(ref.number, ref.hash, ref.parent, ref.timestamp))
        del tail[: -self.writer.depth]

    def _undo(self, rollback: Rollback) -> None:
        to = rollback.to
        self.writer.undo(to.number, to.hash)
        self._tail = [mark for mark in self._open() if mark.number <= to.number]


def gather(updates: Iterator[Update]) -> Iterator[Rollback | list[Block]]:
    """Put final blocks together, to so many events; all else goes through one by one.

    What was gathered before an error comes first: the reader's trouble takes nothing back.
    """
    blocks: list[Block] = []
    events = 0
    try:
        for update in updates:
            if isinstance(update, Block) and update.is_final:
                blocks.append(update)
                events += len(update.logs)
                if events < EVENTS_AT_ONCE and len(blocks) < BLOCKS_AT_ONCE:
                    continue
                yield blocks
            else:
                if blocks:
                    yield blocks
                yield update if isinstance(update, Rollback) else [update]
            blocks, events = [], 0
    except MarketError:
        if blocks:
            yield blocks
        raise
    if blocks:
        yield blocks


def _refs(tail: Sequence[Mark]) -> list[BlockRef]:
    return [BlockRef(mark.number, mark.hash, mark.parent, mark.timestamp) for mark in tail]
