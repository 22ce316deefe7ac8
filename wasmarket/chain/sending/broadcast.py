"""Hand signed transactions to a node, and look for what became of them.

What a node says to a transaction is a hint: only a look by its hash tells whether it was taken.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.blocks import RawLog
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.transactions import Signed
from wasmarket.kernel.errors import TimedOut, TooLarge, Unreachable
from wasmarket.kernel.units import Address, Hash

SEARCHED = 120
"""Blocks in which the user of a nonce is looked for: nodes keep the state of 128."""

_KNOWN = re.compile(r"already\s?(known|imported)|known transaction", re.IGNORECASE)
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}")


class MinedReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """A receipt as JSON-RPC writes it."""

    transaction_hash: str
    block_number: str
    block_hash: str
    status: str
    gas_used: str
    effective_gas_price: str
    logs: list[RawLog]

    @property
    def number(self) -> int:
        """Number of the block."""
        return int(self.block_number, 16)

    @property
    def is_sound(self) -> bool:
        """Whether its numbers are numbers."""
        numbers = (self.block_number, self.status, self.gas_used, self.effective_gas_price)
        return all(_NUMBER.fullmatch(number) for number in numbers)


class _MinedTransaction(msgspec.Struct, frozen=True):
    hash: str
    nonce: str
    sender: str = msgspec.field(name="from")


class _FullBlock(msgspec.Struct, frozen=True):
    transactions: list[_MinedTransaction]


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of the attempts at one nonce; None where the node gave no answer.

    `used`: nonces of the account that mined transactions have used up; `queued`: with those that
    wait; `known`: whether the node knows the newest attempt.
    """

    receipt: MinedReceipt | None
    are_receipts_heard: bool
    used: int | None
    queued: int | None
    head: int | None
    known: bool | None

    def is_free(self, nonce: int) -> bool:
        """Whether nothing has or will have this nonce, as far as the node knows."""
        heard = self.are_receipts_heard and self.receipt is None and self.known is False
        return heard and self.used is not None and self.used <= nonce and self.queued == nonce


def broadcast(rpc: Rpc, signed: Signed) -> str:
    """Hand a signed transaction to the node; return "" or what it said instead of taking it.

    Never raises for what the node says or fails to say.
    """
    try:
        rpc.request("eth_sendRawTransaction", ["0x" + signed.raw.hex()])
    except RpcError as error:
        return "" if _KNOWN.search(error.detail) else error.detail or "refused"
    except (Unreachable, TimedOut, TooLarge) as error:
        return error.detail
    return ""


def look(rpc: Rpc, address: Address, hashes: Sequence[Hash]) -> Sight:
    """Look for the attempts at one nonce, oldest first. Raises Unreachable, TimedOut."""
    receipts = rpc.batch(
        [("eth_getTransactionReceipt", [hash]) for hash in hashes], MinedReceipt | None
    )
    used, queued, head, known = rpc.batch(
        [
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_getTransactionCount", [address, "pending"]),
            ("eth_blockNumber", []),
            ("eth_getTransactionByHash", [hashes[-1]]),
        ]
    )
    mined = [
        receipt
        for receipt, hash in zip(receipts, hashes, strict=True)
        if isinstance(receipt, MinedReceipt)
        and receipt.is_sound
        and receipt.transaction_hash.lower() == hash
    ]
    return Sight(
        mined[-1] if mined else None,
        all(receipt is None for receipt in receipts),
        _number(used),
        _number(queued),
        _number(head),
        None if isinstance(known, RpcError) else isinstance(known, dict),
    )


def find_nonce_user(rpc: Rpc, address: Address, nonce: int, head: int) -> Hash | None:
    """Return the hash of the mined transaction that used a nonce; None if it is not to be found.

    Searches the newest blocks. Raises Unreachable, TimedOut, RpcError.
    """

    def is_used_at(block: int) -> bool:
        return rpc.fetch_nonce(address, block) > nonce

    below, at = max(head - SEARCHED, 0), head
    if not is_used_at(at) or is_used_at(below):
        return None
    while at - below > 1:
        middle = (below + at) // 2
        below, at = (below, middle) if is_used_at(middle) else (middle, at)
    block: _FullBlock = rpc.request("eth_getBlockByNumber", [hex(at), True], _FullBlock)
    for transaction in block.transactions:
        if transaction.sender.lower() == address.lower() and _number(transaction.nonce) == nonce:
            return Hash(transaction.hash.lower())
    return None


def _number(answer: Any) -> int | None:
    if isinstance(answer, str) and _NUMBER.fullmatch(answer):
        return int(answer, 16)
    return None
