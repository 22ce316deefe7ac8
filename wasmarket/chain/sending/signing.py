"""Sign transactions with EIP-1559 fees, and read signed ones back."""

from dataclasses import dataclass, replace

from eth_account import Account as EthAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from rlp.exceptions import RLPException  # type: ignore[import-untyped]

from wasmarket.chain.reading.rpc import Fees
from wasmarket.chain.sending.transactions import ContractCall, Signed
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import InvalidInput

BUMP_NUMERATOR, BUMP_DENOMINATOR = 5, 4
"""A replacement offers a quarter more; nodes ask for a tenth."""


@dataclass(frozen=True, slots=True)
class TransactionPlan:
    """Everything that is signed: the call, its nonce, gas, and fees in wei per gas."""

    call: ContractCall
    chain_id: int
    nonce: int
    gas: int
    tip: int
    max_fee: int


def choose_fees(fees: Fees, limit: int | None) -> tuple[int, int]:
    """Return (tip, max fee): room for the base fee to double, never above `limit`."""
    max_fee = 2 * fees.base + fees.tip
    if limit is not None:
        max_fee = min(max_fee, limit)
    return min(fees.tip, max_fee), max_fee


def find_limit(call: ContractCall, gas: int, max_fee: int | None) -> int | None:
    """Return the most wei per gas that a call may pay: the sender's limit and the call's own."""
    own = None if call.max_cost is None else call.max_cost // gas
    limits = [limit for limit in (own, max_fee) if limit is not None]
    return min(limits, default=None)


def bump(plan: TransactionPlan, fees: Fees, limit: int | None) -> TransactionPlan | None:
    """Return the plan with fees that replace it; None when `limit` leaves no room for it."""
    tip, max_fee = choose_fees(fees, None)
    tip, max_fee = max(tip, _more(plan.tip)), max(max_fee, _more(plan.max_fee))
    if limit is not None and max_fee > limit:
        if limit < _more(plan.max_fee):
            return None
        max_fee = limit
    return replace(plan, tip=min(tip, max_fee), max_fee=max_fee)


def sign_plan(plan: TransactionPlan, account: Account) -> Signed:
    """Sign a transaction."""
    signed = EthAccount.sign_transaction(
        {
            "type": 2,
            "chainId": plan.chain_id,
            "nonce": plan.nonce,
            "gas": plan.gas,
            "maxPriorityFeePerGas": plan.tip,
            "maxFeePerGas": plan.max_fee,
            "to": plan.call.to,
            "value": plan.call.value,
            "data": plan.call.data,
        },
        account.key,
    )
    return Signed(to_hash(bytes(signed.hash)), bytes(signed.raw_transaction), plan.nonce)


def read_plan(raw: bytes) -> TransactionPlan:
    """Read what a signed transaction says. Raises InvalidInput."""
    try:
        values = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        call = ContractCall(
            to_address(bytes(values["to"])), bytes(values["data"]), "the transaction"
        )
        return TransactionPlan(
            replace(call, value=int(values["value"])),
            int(values["chainId"]),
            int(values["nonce"]),
            int(values["gas"]),
            int(values["maxPriorityFeePerGas"]),
            int(values["maxFeePerGas"]),
        )
    except (ValueError, KeyError, TypeError, RLPException) as error:
        raise InvalidInput("these bytes are not a signed transaction") from error


def _more(fee: int) -> int:
    # Rounded up, so that the smallest fees grow too.
    return -(-fee * BUMP_NUMERATOR // BUMP_DENOMINATOR) + 1
