"""What happens to the chain: blocks replaced, transactions lost or moved, time without any."""

import random
from typing import Any

from tests.peer.market_world import MarketWorld
from wasmarket.kernel.errors import MarketError

BLOCK_SECONDS = 1
DEEPEST = 3


class Storms:
    """Moves the chain of a game; never below the block at which the game began."""

    def __init__(self, world: MarketWorld, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._rpc = world.rpc
        self._rpc.request("anvil_setBlockTimestampInterval", [BLOCK_SECONDS])
        self._first = self._rpc.fetch_block_number()
        self.reorgs = self.halts = 0

    def pass_time(self, seconds: int) -> None:
        """Mine blocks for about so many seconds."""
        self._world.anvil.cheats.mine(max(1, seconds // BLOCK_SECONDS))

    def halt(self, seconds: int) -> None:
        """Let the chain stand still, then go on."""
        head = self._rpc.fetch_head()
        self._world.anvil.cheats.set_next_timestamp(head.timestamp + seconds)
        self._world.anvil.cheats.mine()
        self.halts += 1

    def reorganise(self) -> None:
        """Replace the newest blocks: their transactions come again, late, or some never."""
        head = self._rpc.fetch_block_number()
        depth = min(self._rng.randint(1, DEEPEST), head - self._first - 1)
        if depth < 1:
            return
        lost = [tx for number in range(head - depth + 1, head + 1) for tx in self._read(number)]
        self._world.anvil.cheats.rollback(depth)
        self.reorgs += 1
        # Another block than before, so that nothing that follows has the old hashes.
        self._world.anvil.cheats.mine(self._rng.randint(1, 2))
        for raw in self._choose(lost):
            try:
                self._rpc.request("eth_sendRawTransaction", [raw])
            except MarketError:
                # Its nonce or its sense went with another that was lost.
                continue

    def _choose(self, lost: list[tuple[str, str]]) -> list[str]:
        """Return what is mined again: of each sender the first ones, senders in any order."""
        by_sender: dict[str, list[str]] = {}
        for sender, raw in lost:
            by_sender.setdefault(sender, []).append(raw)
        senders = sorted(by_sender)
        self._rng.shuffle(senders)
        kept = []
        for sender in senders:
            count = len(by_sender[sender])
            kept += by_sender[sender][
                : count if self._rng.random() < 0.5 else self._rng.randint(0, count)
            ]
        return kept

    def _read(self, number: int) -> list[tuple[str, str]]:
        block: Any = self._rpc.request("eth_getBlockByNumber", [hex(number), True])
        return [
            (tx["from"], self._rpc.request("eth_getRawTransactionByHash", [tx["hash"]]))
            for tx in block["transactions"]
        ]
