"""Follow the chain and keep the facts current."""

from collections.abc import Iterable
from typing import Protocol

from meter.chain.facts import ChainFacts
from wasmarket.chain.reading.blocks import BlockRef, Rollback, Update


class Following(Protocol):
    """What gives blocks; `Follower` does."""

    def poll(self, cursor: list[BlockRef]) -> Iterable[Update]:
        """Yield what changed since the blocks of `cursor`."""


class ChainReader:
    """Reads from the deployment on at each start: the journal alone is kept."""

    def __init__(self, follower: Following, epoch_seconds: int) -> None:
        self._follower = follower
        self._seconds = epoch_seconds
        self.facts = ChainFacts(epoch_seconds)

    def step(self) -> ChainFacts:
        """Return the facts as of the newest block. Raises Unreachable and other errors of nodes."""
        for update in self._follower.poll(self.facts.tail):
            if isinstance(update, Rollback):
                # Facts do not say which block told them: learn them anew.
                self.facts = ChainFacts(self._seconds)
                return self.step()
            self.facts.apply(update)
        return self.facts
