"""Proofs: which epochs peers proved."""

from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.events import Committed
from wasmarket.store.chain.rows import in_order
from wasmarket.store.tables import CommitmentRow

PROOFS = Handlers()

COMMITMENT = in_order(CommitmentRow, "peer", "epoch", "root", "block_number", "tx_hash")


@PROOFS.on(Committed)
def committed(scope: Scope, log: Log[Committed]) -> None:
    """A peer committed to an epoch; the contract tells only the first time."""
    event = log.event
    scope.rows.append_values(
        COMMITMENT, (event.peer, event.epoch, event.root, log.block_number, log.tx_hash)
    )
