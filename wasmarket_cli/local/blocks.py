"""Keep a local chain going while nobody sends: its time is that of its newest block.

A development node makes a block when somebody sends. Left alone for some epochs it would stand
still, and with the next block every deal would lapse that nobody could prove in between.
"""

import time
from collections.abc import Callable

from wasmarket.chain.development.cheats import Cheats
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.serving.daemon import Pace, ThreadLoop

IDLE_SECONDS = 3.0
"""After so long without a block one is made."""
LOOK_SECONDS = 0.5


class BlockMaker:
    """Makes a block when none came for a while, and one as soon as an epoch begins."""

    def __init__(
        self, rpc: Rpc, epoch_seconds: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` returns seconds."""
        self._rpc = rpc
        self._cheats = Cheats(rpc)
        self._epoch_seconds = epoch_seconds
        self._clock = clock
        self._number: int | None = None
        self._seen_at = 0.0

    def step(self) -> bool:
        """Look at the newest block; say whether another had to be made."""
        head, now = self._rpc.fetch_head(), self._clock()
        if head.number != self._number:
            self._number, self._seen_at = head.number, now
        passed = now - self._seen_at
        left = self._epoch_seconds - head.timestamp % self._epoch_seconds
        if passed < min(IDLE_SECONDS, left):
            return False
        self._cheats.mine()
        return True


def create_block_loop(rpc: Rpc, epoch_seconds: int) -> ThreadLoop:
    """Return the loop that keeps a local chain going; it is not started."""
    return ThreadLoop("blocks", BlockMaker(rpc, epoch_seconds).step, Pace(LOOK_SECONDS))
