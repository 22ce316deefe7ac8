"""Proofs: which epochs peers proved."""

from chain.blocks import Log
from indexer.scope import Handlers, Scope
from kernel.events import Committed
from kernel.units import Epoch, PeerId
from store.tables import Commitment

PROOFS = Handlers()


@PROOFS.on(Committed)
def committed(scope: Scope, log: Log[Committed]) -> None:
    """A peer committed to an epoch; the contract tells only the first time."""
    scope.rows.append(
        Commitment,
        peer=PeerId(log.event.peer),
        epoch=Epoch(log.event.epoch),
        root=log.event.root,
        block_number=log.block_number,
        tx_hash=log.tx_hash,
    )
