"""Allowances of the tokens that Market and Staking pull."""

from wasmarket.chain.contracts.bindings import Erc20
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.units import Address


def approve(wiring: Wiring, token: Erc20, spender: Address, amount: int, key: str | None) -> None:
    """Let `spender` pull `amount` of an account's token, if it may not yet."""
    account = wiring.account(key)
    if token.allowance(account.address, spender) < amount:
        wiring.sender(account).send(token.call("approve", spender, amount))
