"""What a node says about our transactions: taken, mined, forgotten, refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import RpcError, build_reverted
from wasmarket.chain.reading.blocks import Log, RawLog
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.transactions import ContractCall, Signed, TransactionReceipt
from wasmarket.kernel.errors import Reverted, TimedOut, Unfunded, Unreachable
from wasmarket.kernel.events import Event
from wasmarket.kernel.units import Address, BlockNumber, Hash


class Outcome(Enum):
    """What became of a broadcast."""

    SENT = 1
    NONCE_USED = 2
    UNDERPRICED = 3
    UNSURE = 4


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


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of the attempts at one nonce: a receipt, how many nonces of the account are
    used up by mined transactions, the head, and whether the node knows the newest attempt."""

    receipt: MinedReceipt | None
    used: int
    head: int
    known: bool


_KNOWN = ("already known", "already imported", "known transaction")
_USED = ("nonce too low", "nonce is too low", "invalid nonce", "nonce has already been used")
_UNDERPRICED = ("replacement",)
_UNFUNDED = ("insufficient funds", "insufficient balance")


def broadcast(rpc: Rpc, signed: Signed) -> Outcome:
    """Hand a signed transaction to the node; UNSURE when it cannot be heard.

    Raises Unfunded, RpcError for a refusal that another try will not change.
    """
    try:
        rpc.request("eth_sendRawTransaction", ["0x" + signed.raw.hex()])
    except (Unreachable, TimedOut):
        return Outcome.UNSURE
    except RpcError as error:
        message = error.detail.lower()
        if any(words in message for words in _KNOWN):
            return Outcome.SENT
        if any(words in message for words in _USED):
            return Outcome.NONCE_USED
        if any(words in message for words in _UNDERPRICED):
            return Outcome.UNDERPRICED
        if any(words in message for words in _UNFUNDED):
            raise Unfunded(
                f"the account cannot pay for gas: {error.detail}",
                remedy="send native coins to it",
            ) from error
        raise
    return Outcome.SENT


def look(rpc: Rpc, address: Address, hashes: Sequence[Hash]) -> Sight:
    """Look for the attempts at one nonce, oldest first, in one batch."""
    receipts = rpc.batch(
        [("eth_getTransactionReceipt", [hash]) for hash in hashes], MinedReceipt | None
    )
    used, head, known = rpc.batch(
        [
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_blockNumber", []),
            ("eth_getTransactionByHash", [hashes[-1]]),
        ]
    )
    for answer in (*receipts, used, head, known):
        if isinstance(answer, RpcError):
            raise answer
    mined = [receipt for receipt in receipts if receipt is not None]
    return Sight(mined[-1] if mined else None, int(used, 16), int(head, 16), known is not None)


def build_receipt(
    rpc: Rpc, decoder: Decoder | None, mined: MinedReceipt, call: ContractCall, sender: Address
) -> TransactionReceipt:
    """Decode a receipt. Raises Reverted, with the reason, if the contract refused."""
    if int(mined.status, 16) == 0:
        raise build_reverted(call.description, _find_reason(rpc, mined, call, sender))
    logs: tuple[Log[Event], ...] = ()
    if decoder is not None and mined.logs:
        timestamp = rpc.fetch_head(mined.block_hash).timestamp
        logs = decoder.decode_all(mined.logs, {mined.block_hash: timestamp})
    return TransactionReceipt(
        Hash(mined.transaction_hash),
        BlockNumber(mined.number),
        Hash(mined.block_hash),
        int(mined.gas_used, 16),
        int(mined.effective_gas_price, 16),
        logs,
    )


def _find_reason(rpc: Rpc, mined: MinedReceipt, call: ContractCall, sender: Address) -> str:
    """Run the call again on the block before it; transactions in between may change the answer."""
    try:
        rpc.call(call.to, call.data, sender=sender, block=mined.number - 1)
    except Reverted as error:
        return error.reason
    except RpcError as error:
        return error.detail
    return "the chain changed between the simulation and the transaction"
