"""Turn what a node says of a mined transaction into a receipt, or into the contract's refusal."""

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import RpcError, build_reverted
from wasmarket.chain.reading.blocks import Log
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.sending.broadcast import MinedReceipt
from wasmarket.chain.sending.transactions import ContractCall, TransactionReceipt
from wasmarket.kernel.errors import Reverted, TimedOut, Unreachable
from wasmarket.kernel.events import Event
from wasmarket.kernel.units import Address, BlockNumber, Hash


def build_receipt(
    rpc: Rpc, decoder: Decoder | None, mined: MinedReceipt, call: ContractCall, sender: Address
) -> TransactionReceipt:
    """Decode a receipt. Raises Reverted, with the reason, if the contract refused.

    Raises Unreachable, TimedOut, RpcError, WrongChain where the node tells nonsense or nothing.
    """
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
    except (RpcError, Unreachable, TimedOut) as error:
        return error.detail
    return "the chain changed between the simulation and the transaction"
