"""Tell what became, for good, of everything that was signed for one nonce.

A nonce is used once on any branch of the chain. So whoever wants a call mined exactly once signs
all attempts at it with one nonce, and signs another only when that nonce is deep in the chain and
none of the attempts is what used it: then a reorg cannot bring one of them back.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.broadcast import find_nonce_user, look
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.units import Address, BlockNumber, Hash

SURE = 5
"""Looks in a row that must find a nonce gone and no receipt where the block cannot be searched."""


class FateKind(StrEnum):
    """OPEN: any of the attempts may still be mined. MINED: one is. GONE: the nonce went to
    something else, which a reorg could undo. DEAD: for good."""

    OPEN = "open"
    MINED = "mined"
    GONE = "gone"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the attempts; of a mined one where it is, and its gas in wei."""

    kind: FateKind
    tx_hash: Hash | None = None
    block_number: BlockNumber | None = None
    gas_cost: int = 0
    is_deep: bool = False


class FateSource(Protocol):
    """Looks for the attempts at nonces of one account."""

    def find(self, nonce: int, hashes: Sequence[Hash], depth: int) -> Fate:
        """Return what became of `hashes`, oldest first; `depth` blocks on top are for good.

        Raises Unreachable, TimedOut, RpcError when the node does not say enough.
        """


class FateReader:
    """Looks at a node."""

    def __init__(self, rpc: Rpc, address: Address) -> None:
        self._rpc = rpc
        self._address = address
        self._looks: Counter[int] = Counter()

    def find(self, nonce: int, hashes: Sequence[Hash], depth: int) -> Fate:
        """Return what became of `hashes`. Raises Unreachable, TimedOut, RpcError."""
        sight = look(self._rpc, self._address, hashes)
        if sight.head is None or sight.used is None:
            raise Unreachable("the node does not tell its head and the account's nonces")
        receipt = sight.receipt
        if receipt is not None:
            self._looks.pop(nonce, None)
            is_deep = sight.head >= receipt.number + depth
            if int(receipt.status, 16):
                cost = int(receipt.gas_used, 16) * int(receipt.effective_gas_price, 16)
                number = BlockNumber(receipt.number)
                return Fate(
                    FateKind.MINED, Hash(receipt.transaction_hash), number, cost, is_deep=is_deep
                )
            return Fate(FateKind.DEAD if is_deep else FateKind.GONE)
        if not sight.are_receipts_heard:
            raise Unreachable("the node does not tell whether a transaction is mined")
        if sight.used <= nonce:
            return Fate(FateKind.OPEN)
        return self._find_other(nonce, hashes, sight.head, depth)

    def _find_other(self, nonce: int, hashes: Sequence[Hash], head: int, depth: int) -> Fate:
        """Say whether the nonce went elsewhere for good; a lagging node must not decide it."""
        if self._rpc.fetch_nonce(self._address, max(head - depth, 0)) <= nonce:
            return Fate(FateKind.GONE)
        try:
            user = find_nonce_user(self._rpc, self._address, nonce, head)
        except RpcError:
            user = None
        if user is None:
            self._looks[nonce] += 1
            return Fate(FateKind.DEAD if self._looks[nonce] >= SURE else FateKind.GONE)
        # A receipt that this node has not got yet: one of ours is in that block.
        return Fate(FateKind.GONE if user in hashes else FateKind.DEAD)
