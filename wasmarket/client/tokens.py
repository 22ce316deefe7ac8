"""Allowances of the tokens that Market and Staking pull."""

from chain.contracts import Erc20
from kernel.units import Address
from wasmarket.wiring import Wiring


def approve(wiring: Wiring, token: Erc20, spender: Address, amount: int, key: str | None) -> None:
    """Let `spender` pull `amount` of an account's token, if it may not yet."""
    account = wiring.account(key)
    if token.allowance(account.address, spender) < amount:
        wiring.sender(account).send(token.call("approve", spender, amount))
