"""Say what Proofs does: which epochs of which peer count as proven."""

from collections.abc import Callable

from tests.model.terms import PULSE, RING, Address, Clock, Emit, need


class Proofs:
    """One bit for each peer and epoch. The first root stands."""

    def __init__(
        self, wallet_of: Callable[[int], Address], window: int, clock: Clock, emit: Emit
    ) -> None:
        self.wallet_of, self.window, self.clock, self._emit = wallet_of, window, clock, emit
        self.proven: set[tuple[int, int]] = set()
        self.roots: dict[tuple[int, int], bytes] = {}

    def commit(self, caller: Address, epoch: int, commitments: list[tuple[int, bytes]]) -> None:
        """Mark an epoch that has ended and is not final as proven, for peers of the caller.

        Anybody may do so for the pulse, which has no root.
        """
        now = self.clock.epoch
        need(epoch <= now - 1, "proofs: epoch not over")
        need(epoch >= now - self.window, "proofs: epoch final")
        for peer, root in commitments:
            is_pulse = peer == PULSE
            need(is_pulse or caller == self.wallet_of(peer), "proofs: not the wallet")
            if (peer, epoch) not in self.proven:
                self.proven.add((peer, epoch))
                self.roots[peer, epoch] = bytes(32) if is_pulse else root
                shown = self.roots[peer, epoch]
                self._emit("Proofs", "Committed", peer=peer, epoch=epoch, root=shown)

    def root_of(self, peer: int, epoch: int) -> bytes:
        """Answer the root of one of the last epochs, zero if there is none or it is too old."""
        is_kept = self.clock.epoch - RING <= epoch < self.clock.epoch
        return self.roots.get((peer, epoch), bytes(32)) if is_kept else bytes(32)

    def count(self, peer: int, first: int, last: int) -> int:
        """Count the proven epochs from `first` to `last`, both included."""
        return sum((peer, epoch) in self.proven for epoch in range(first, last + 1))
