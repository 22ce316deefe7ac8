"""A lying peer in a game: one honest epoch on chain, then its lie until it is caught."""

from collections.abc import Callable

from tests.games import truth
from tests.meter.lies import BETWEEN, LIES, honest
from tests.meter.lying_peer import LyingPeer
from tests.meter.shown_papers import ShownEpoch
from tests.peer.market_world import MarketWorld
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Address

WRONG_OUTPUT = "wrong output"
OVERSTATED = "overstated work"
WRONG_INPUT = b"wrong"
Lie = Callable[[LyingPeer, int], ShownEpoch]


def _wrong_output(peer: LyingPeer, epoch: int) -> ShownEpoch:
    return honest(
        peer,
        epoch,
        app=truth.APP,
        function=truth.FUNCTION,
        input=sha256(WRONG_INPUT),
        output=b"x" * 32,
        fuel=truth.fuel_of(WRONG_INPUT),
        size=truth.size_of(WRONG_INPUT),
    )


def _overstated(peer: LyingPeer, epoch: int) -> ShownEpoch:
    receipts = peer.chain.run(epoch)
    return ShownEpoch([peer.chain.sum_up(epoch, receipts, work=10**12)], receipts)


def _between(name: str) -> Lie:
    def lie(peer: LyingPeer, epoch: int) -> ShownEpoch:
        BETWEEN[name](peer)
        return honest(peer, epoch)

    return lie


ALL_LIES: dict[str, Lie] = {
    **LIES,
    **{name: _between(name) for name in BETWEEN},
    WRONG_OUTPUT: _wrong_output,
    OVERSTATED: _overstated,
}


class Liar:
    """Commits by a node without faults: it is the honest that have trouble."""

    def __init__(self, name: str, peer: LyingPeer, world: MarketWorld, meter: Address) -> None:
        self.name = name
        self.peer = peer
        self._world = world
        peer.take(truth.APP_HASH, meter)
        self._first = world.epoch
        self._lies: set[int] = set()

    @property
    def is_convicted(self) -> bool:
        """Whether the chain has forgotten its assignment, as only a conviction does so soon."""
        [word] = self._world.market.assignments([self.peer.assignment])
        return word.state == 0

    def step(self) -> None:
        """Commit what is over, again if a reorganisation took it back."""
        world, peer, last = self._world, self.peer, self._world.epoch - 1
        if last < self._first or self.is_convicted:
            return
        [known] = world.proofs.roots([(peer.number, last)])
        if known is not None:
            return
        shown = peer.epochs.get(last)
        if shown is None:
            before = [(peer.number, epoch) for epoch in peer.epochs]
            has_root = any(root is not None for root in world.proofs.roots(before))
            shown = (ALL_LIES[self.name] if has_root else honest)(peer, last)
            if has_root:
                self._lies.add(last)
        try:
            peer.commit(last, shown)
        except MarketError:
            # The epoch went on while it was about to.
            return

    def lied_in(self) -> list[int]:
        """Return the epochs of lies that the chain has."""
        asked = [(self.peer.number, epoch) for epoch in sorted(self._lies)]
        roots = self._world.proofs.roots(asked)
        return [epoch for (_, epoch), root in zip(asked, roots, strict=True) if root is not None]

    def true_work(self) -> int:
        """Return the work of its honest epochs."""
        return sum(
            summary.work
            for epoch, shown in self.peer.epochs.items()
            if epoch not in self._lies
            for summary in shown.summaries
        )

    def has_proof(self) -> bool:
        """Whether what the lie contradicts is on chain too."""
        told = [(self.peer.number, e) for e in self.peer.epochs if e not in self._lies]
        roots = self._world.proofs.roots(told)
        return self.name not in BETWEEN or any(root is not None for root in roots)
