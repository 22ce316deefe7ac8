"""A turn of the indexer: lead, look at the chain, apply or undo."""

import logging
import threading
from collections.abc import Callable, Sequence

from indexer.apply import apply_logs
from indexer.progress import Board
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.reading.blocks import Block, BlockRef, Reader, Rollback
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.daemon import explain
from wasmarket.store.chain.writer import ChainWriter, Mark, fetch_tail
from wasmarket.store.database import Database
from wasmarket.store.leader import Leader

logger = logging.getLogger(__name__)

LEADER = "indexer"


class IndexLoop:
    """Follows one deployment into one store. One thread runs it.

    Killed at any point it goes on where the store is: a block, its journal and the cursor are
    one transaction. Of several indexers of a store one leads and the others wait for it to end.
    """

    def __init__(
        self,
        database: Database,
        reader: Reader,
        deployment: Deployment,
        board: Board,
        *,
        confirmations: int = 0,
        check_headers: bool = True,
        reindex: bool = False,
    ) -> None:
        """Set up; nothing is read or written before `take_turn` or `step`.

        `reindex`: drop what the store has, once this process leads.
        """
        self._database = database
        self._reader = reader
        self._deployment = deployment
        self._board = board
        self._leader = Leader(database, LEADER)
        self._follower = Follower(
            reader,
            deployment,
            Decoder(deployment),
            confirmations=confirmations,
            check_headers=check_headers,
        )
        self._writer = ChainWriter(database, deployment, guard=self._leader.check)
        self._tail: list[Mark] | None = None
        self._wants_clear = reindex

    def take_turn(self, stop: threading.Event, beat: Callable[[], object] = lambda: None) -> None:
        """Lead if nobody else does, and then step; `beat` is called with each block.

        Raises whatever keeps it from that: the next turn reads the store again.
        """
        try:
            if self._lead():
                if self._wants_clear:
                    self.clear()
                    self._wants_clear = False
                self.step(stop, beat)
                self._board.succeed()
        except Exception as error:
            remedy = error.remedy if isinstance(error, MarketError) else None
            self._fail(explain(error), remedy or "")
            raise

    def step(self, stop: threading.Event, beat: Callable[[], object] = lambda: None) -> None:
        """Bring the store up to the chain's head, or until `stop` is set. Raises MarketError."""
        if self._tail is None:
            self._tail = self._writer.open()
            self._board.set_indexed(self._tail[-1].number if self._tail else None)
        self._board.set_head(self._reader.fetch_head().number)
        for update in self._follower.poll(_refs(self._tail)):
            if isinstance(update, Rollback):
                self._undo(update)
            else:
                self._apply(update)
            beat()
            if stop.is_set():
                return
        while self._writer.keep_totals() and not stop.is_set():
            beat()

    def clear(self) -> None:
        """Drop all that came from the chain."""
        self._writer.open()
        self._writer.clear()
        self._tail = None
        logger.warning("the store was cleared and is indexed anew")

    def close(self) -> None:
        """Let another indexer lead."""
        self._board.set_leader(False)
        self._writer.close()
        self._leader.release()

    def _lead(self) -> bool:
        if not self._leader.is_held:
            self._tail = None
            if not self._leader.acquire():
                self._stand_by()
                return False
            self._board.set_leader(True)
            logger.info("this indexer leads")
        return True

    def _stand_by(self) -> None:
        """Show how far the leader has come."""
        with self._database.read() as session:
            tail = fetch_tail(session, 1)
        self._board.set_leader(False)
        self._board.set_indexed(tail[-1].number if tail else None)
        self._board.set_head(self._reader.fetch_head().number)
        self._board.succeed()

    def _apply(self, block: Block) -> None:
        self._writer.apply(block.ref, lambda rows: apply_logs(rows, self._deployment, block))
        ref = block.ref
        tail = self._tail or []
        tail.append(Mark(ref.number, ref.hash, ref.parent, ref.timestamp))
        del tail[: -self._writer.depth]
        self._tail = tail
        self._board.count_block(ref.number, len(block.logs))

    def _undo(self, rollback: Rollback) -> None:
        to = rollback.to
        self._writer.undo(to.number, to.hash)
        self._tail = [mark for mark in self._tail or [] if mark.number <= to.number]
        self._board.count_undo(to.number)
        logger.warning("blocks undone", extra={"to_block": to.number})

    def _fail(self, problem: str, remedy: str) -> None:
        # What is in memory may not be what the store has: read it again.
        self._tail = None
        self._board.fail(problem, remedy)
        if not self._leader.is_held:
            self._board.set_leader(False)


def _refs(tail: Sequence[Mark]) -> list[BlockRef]:
    return [BlockRef(mark.number, mark.hash, mark.parent, mark.timestamp) for mark in tail]
