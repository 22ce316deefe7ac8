"""Say what Proofs does: which epochs of which peer count as proven."""

from collections.abc import Callable

from tests.model.terms import Address, Clock, Emit, need


class Proofs:
    """One bit for each peer and epoch. The first root stands."""

    def __init__(
        self, wallet_of: Callable[[int], Address], window: int, clock: Clock, emit: Emit
    ) -> None:
        self.wallet_of, self.window, self.clock, self._emit = wallet_of, window, clock, emit
        self.proven: set[tuple[int, int]] = set()

    def commit(self, caller: Address, epoch: int, commitments: list[tuple[int, bytes]]) -> None:
        """Mark an epoch that has ended and is not final as proven, for peers of the caller."""
        now = self.clock.epoch
        need(epoch <= now - 1, "proofs: epoch not over")
        need(epoch >= now - self.window, "proofs: epoch final")
        for peer, root in commitments:
            need(caller == self.wallet_of(peer), "proofs: not the wallet")
            if (peer, epoch) not in self.proven:
                self.proven.add((peer, epoch))
                self._emit("Proofs", "Committed", peer=peer, epoch=epoch, root=root)

    def count(self, peer: int, first: int, last: int) -> int:
        """Count the proven epochs from `first` to `last`, both included."""
        return sum((peer, epoch) in self.proven for epoch in range(first, last + 1))
