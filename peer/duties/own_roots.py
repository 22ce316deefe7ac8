"""Compare the roots that the chain has of this peer with what is here, once, before it goes on.

A root whose receipts are not here means an older backup, or another process with the same wallet.
Whatever is signed or committed on top of less than that would be a contradiction.
"""

import logging

from peer.chain_state.view import ChainView
from peer.duties.commitments import Commitments
from wasmarket.chain.contracts.bindings import Proofs
from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.audits.times import RING_EPOCHS

logger = logging.getLogger(__name__)


class OwnRoots:
    """Says for which assignments nothing may be signed or committed."""

    def __init__(self, proofs: Proofs, commitments: Commitments, epoch_seconds: int) -> None:
        self._proofs = proofs
        self._commitments = commitments
        self._seconds = epoch_seconds
        self._chain_view: ChainView | None = None
        self._missing: tuple[int, ...] | None = None

    @property
    def missing(self) -> tuple[int, ...]:
        """Return the epochs whose roots are on chain while their receipts are not here."""
        return self._missing or ()

    def check(self, chain_view: ChainView) -> None:
        """Compare, unless that was done. Raises Unreachable and other errors of the node.

        What was known before a restart may end before the last root: then it waits for more.
        """
        self._chain_view = chain_view
        if self._missing is not None:
            return
        first = max(0, chain_view.epoch - RING_EPOCHS)
        epochs = range(first, chain_view.epoch + RING_EPOCHS)
        asked = [(chain_view.peer, epoch) for epoch in epochs]
        known = self._proofs.roots(asked, block=chain_view.head.hash)
        newest = self._proofs.roots(asked)
        if any(now not in (None, then) for then, now in zip(known, newest, strict=True)):
            return
        missing = tuple(
            epoch
            for epoch, root in zip(epochs, known, strict=True)
            if root is not None and not self._commitments.has(chain_view, epoch, to_hash(root))
        )
        if missing:
            logger.error("roots on chain are not from here", extra={"epochs": missing})
        self._missing = missing

    def find_obstacle(self, assignment: int) -> str:
        """Return why nothing is to be signed or committed for an assignment, empty if it may be."""
        if self._missing is None:
            return "the roots on chain were not compared yet"
        span = None if self._chain_view is None else self._chain_view.spans.get(assignment)
        if not self._missing or span is None:
            return ""
        newest = self._missing[-1]
        if span.since >= (newest + 1) * self._seconds:
            return ""
        return (
            f"the chain has a root of epoch {newest} that was not made from what is in this folder"
        )
