"""One store's copy of the chain: what was applied to it, and what comes next."""

from collections.abc import Callable, Iterator, Sequence

from indexer.apply import apply_logs
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.blocks import Block, BlockRef, Reader, Rollback, Update
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.deployment import Deployment
from wasmarket.store.chain.writer import ChainWriter, Mark
from wasmarket.store.database import Database, Session


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
        for update in self._follower.poll(_refs(self._open()), until):
            if isinstance(update, Rollback):
                self._undo(update)
            else:
                self._apply(update)
            yield update

    def close(self) -> None:
        """Give the store's connection back."""
        self.writer.close()

    def _open(self) -> list[Mark]:
        if self._tail is None:
            self._tail = self.writer.open()
        return self._tail

    def _apply(self, block: Block) -> None:
        self.writer.apply(block.ref, lambda rows: apply_logs(rows, self._deployment, block))
        ref = block.ref
        tail = self._open()
        tail.append(Mark(ref.number, ref.hash, ref.parent, ref.timestamp))
        del tail[: -self.writer.depth]

    def _undo(self, rollback: Rollback) -> None:
        to = rollback.to
        self.writer.undo(to.number, to.hash)
        self._tail = [mark for mark in self._open() if mark.number <= to.number]


def _refs(tail: Sequence[Mark]) -> list[BlockRef]:
    return [BlockRef(mark.number, mark.hash, mark.parent, mark.timestamp) for mark in tail]
