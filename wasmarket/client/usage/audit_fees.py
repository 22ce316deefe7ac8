"""Pay what Audits asks for: from the free balance there first, then from the wallet."""

from typing import TYPE_CHECKING

from wasmarket.chain.sending.wallet import Account
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.errors import Refused
from wasmarket.kernel.units import format_flt

if TYPE_CHECKING:
    from wasmarket.chain.sending.transactions import ContractCall, TransactionReceipt


def allow_flt(wiring: Wiring, account: Account, amount: int) -> None:
    """Let Audits take so much FLT (base units) of an account, as far as it has not got it.

    Raises Refused, before anything is sent, if the account has not so much.
    """
    audits = wiring.audits
    free = audits.free(account.address)
    missing = amount - free
    held = wiring.flt.balance(account.address)
    if missing > held:
        raise Refused(
            f"this costs {format_flt(amount)} FLT; {account.address} has {format_flt(free)} free in"
            f" Audits and {format_flt(held)} in its wallet",
            remedy="send it FLT; on a local chain `wasmarket local faucet` gives some",
        )
    if missing > 0 and wiring.flt.allowance(account.address, audits.address) < missing:
        wiring.sender(account).send(wiring.flt.call("approve", audits.address, missing))


def send_paying(
    wiring: Wiring, account: Account, call: "ContractCall", cost: int
) -> "TransactionReceipt":
    """Send a call of Audits that costs FLT (base units)."""
    allow_flt(wiring, account, cost)
    return wiring.sender(account).send(call)
