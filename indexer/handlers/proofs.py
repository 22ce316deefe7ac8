"""Proofs: which epochs peers proved."""

from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.events import Committed
from wasmarket.kernel.units import Epoch, PeerId
from wasmarket.store.tables import CommitmentRow

PROOFS = Handlers()


@PROOFS.on(Committed)
def committed(scope: Scope, log: Log[Committed]) -> None:
    """A peer committed to an epoch; the contract tells only the first time."""
    scope.rows.append(
        CommitmentRow,
        peer=PeerId(log.event.peer),
        epoch=Epoch(log.event.epoch),
        root=log.event.root,
        block_number=log.block_number,
        tx_hash=log.tx_hash,
    )
