"""Protocol time: the newest block's timestamp, never the wall clock."""

from wasmarket.chain.reading.blocks import BlockRef, Reader
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Epoch, Timestamp


class ChainClock:
    """Remembers the newest block seen, so that reading the time costs no request."""

    def __init__(self, reader: Reader, deployment: Deployment) -> None:
        self._reader = reader
        self._deployment = deployment
        self._now: Timestamp | None = None

    def observe(self, ref: BlockRef) -> None:
        """Take a block that was just read as the newest, also after a reorg."""
        self._now = ref.timestamp

    def refresh(self) -> Timestamp:
        """Ask the chain and return its time in seconds. Raises Unreachable."""
        self._now = self._reader.fetch_head().timestamp
        return self._now

    def now(self) -> Timestamp:
        """Return the time last seen; asks the chain only the first time."""
        return self.refresh() if self._now is None else self._now

    def epoch(self) -> Epoch:
        """Return the epoch of `now`."""
        return self._deployment.epoch_of(self.now())

    def seconds_left(self) -> int:
        """Return how many seconds of the chain's clock are left of the epoch, 1 … EPOCH_SECONDS."""
        return self._deployment.start_of(self.epoch() + 1) - self.now()
