"""A turn of the indexer: lead, look at the chain, apply or undo."""

import logging
import threading
from collections.abc import Callable

from indexer.chain_copy import ChainCopy
from indexer.progress import Board
from indexer.rebuild import Rebuild
from wasmarket.chain.reading.blocks import Reader, Rollback, Update
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.daemon import explain
from wasmarket.store.chain.reputation.reading import lacks_reputations
from wasmarket.store.chain.writer import fetch_tail
from wasmarket.store.database import Database, Session
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

        `reindex`: read the chain again beside what the store has, which stays until that is done.
        """
        self._database = database
        self._reader = reader
        self._board = board
        self._leader = Leader(database, LEADER)

        def follow(store: Database, guard: Callable[[Session], None] | None = None) -> ChainCopy:
            return ChainCopy(
                store,
                reader,
                deployment,
                guard=guard,
                confirmations=confirmations,
                check_headers=check_headers,
            )

        self._follow = follow
        self._live = follow(database, self._leader.check)
        self._wants_rebuild = reindex
        self._rebuild: Rebuild | None = None

    def take_turn(self, stop: threading.Event, beat: Callable[[], object] = lambda: None) -> None:
        """Lead if nobody else does, and then step; `beat` is called with each block.

        Raises whatever keeps it from that: the next turn reads the store again.
        """
        try:
            if self._lead():
                if self._wants_rebuild:
                    self._wants_rebuild = not self._take_rebuild_turn(stop, beat)
                self.step(stop, beat)
                self._board.succeed()
        except Exception as error:
            remedy = error.remedy if isinstance(error, MarketError) else None
            self._fail(explain(error), remedy or "")
            raise

    def step(self, stop: threading.Event, beat: Callable[[], object] = lambda: None) -> None:
        """Bring the store up to the chain's head, or until `stop` is set. Raises MarketError."""
        self._board.set_indexed(self._live.indexed)
        self._board.set_head(self._reader.fetch_head().number)
        for update in self._live.advance():
            self._note(update)
            beat()
            if stop.is_set():
                return
        while self._live.writer.keep_totals() and not stop.is_set():
            beat()

    def close(self) -> None:
        """Let another indexer lead."""
        self._board.set_leader(False)
        if self._rebuild is not None:
            self._rebuild.discard()
            self._rebuild = None
        self._live.close()
        self._leader.release()

    def _lead(self) -> bool:
        if not self._leader.is_held:
            self._live.forget()
            if not self._leader.acquire():
                self._stand_by()
                return False
            self._board.set_leader(True)
            logger.info("this indexer leads")
            with self._database.read() as session:
                # What reputations are counted from is not in stores of older versions.
                self._wants_rebuild = self._wants_rebuild or lacks_reputations(session)
        return True

    def _stand_by(self) -> None:
        """Show how far the leader has come."""
        with self._database.read() as session:
            tail = fetch_tail(session, 1)
        self._board.set_leader(False)
        self._board.set_indexed(tail[-1].number if tail else None)
        self._board.set_head(self._reader.fetch_head().number)
        self._board.succeed()

    def _take_rebuild_turn(self, stop: threading.Event, beat: Callable[[], object]) -> bool:
        """Read the chain again and follow it meanwhile; True once the new copy is in place."""
        if self._live.indexed is None:
            return True
        if self._rebuild is None:
            self._rebuild = Rebuild(self._database, self._follow)
            logger.warning("the chain is read again, beside what is there")
        while not self._rebuild.advance(stop, beat):
            if stop.is_set():
                return False
            self._board.set_rebuilt(self._rebuild.indexed)
            self._keep_up(stop, beat)
        self._rebuild.finish(self._leader.check)
        self._rebuild = None
        self._board.set_rebuilt(None)
        self._live.forget()
        logger.warning("what was read again is in place")
        return True

    def _keep_up(self, stop: threading.Event, beat: Callable[[], object]) -> None:
        """Go on with the old copy; what ails it may be why it is exchanged."""
        try:
            self.step(stop, beat)
            self._board.succeed()
        except MarketError as error:
            self._fail(error.detail, error.remedy or "")

    def _note(self, update: Update) -> None:
        if isinstance(update, Rollback):
            self._board.count_undo(update.to.number)
            logger.warning("blocks undone", extra={"to_block": update.to.number})
        else:
            self._board.count_block(update.ref.number, len(update.logs))

    def _fail(self, problem: str, remedy: str) -> None:
        # What is in memory may not be what the store has: read it again.
        self._live.forget()
        self._board.fail(problem, remedy)
        if not self._leader.is_held:
            self._board.set_leader(False)
