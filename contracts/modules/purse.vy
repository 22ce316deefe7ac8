# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Purse
@license Apache-2.0
@notice The FLT that accounts keep in Audits, and the FLT that is nobody's for ever.
@dev Each function loads, changes and stores one account at once: accuser, provider, developer and
     jurors may be the same account.
"""

from ethereum.ercs import IERC20
from ..interfaces import IAudits
from . import tokens

MAX_AMOUNT: constant(uint256) = 2**128 - 1

TOKEN: public(immutable(IERC20))

# What an account can withdraw.
free: public(HashMap[address, uint256])
burned: public(uint256)


@deploy
def __init__(token: address):
    TOKEN = IERC20(token)


@external
def deposit(amount: uint256):
    """
    @notice Add FLT to your free balance; needs your allowance for this contract.
    @param amount From 1 to 2^128 - 1 base units.
    """
    self._check_amount(amount)
    self._credit(msg.sender, amount)
    tokens._pull(TOKEN, msg.sender, amount)


@external
def withdraw(amount: uint256, to: address):
    """
    @notice Take FLT out of your free balance.
    @param amount From 1 base unit to your free balance.
    @param to Who receives it.
    """
    self._check_amount(amount)
    free: uint256 = self.free[msg.sender]
    assert amount <= free, "audits: not enough free"
    self._set(msg.sender, free - amount)
    tokens._push(TOKEN, to, amount)


@internal
@pure
def _check_amount(amount: uint256):
    assert amount > 0 and amount <= MAX_AMOUNT, "audits: amount out of range"


@internal
def _credit(account: address, amount: uint256):
    if amount > 0:
        self._set(account, self.free[account] + amount)


@internal
def _spend(account: address, amount: uint256):
    """
    @dev Take an amount from the free balance, and what is missing from the account's tokens.
    """
    free: uint256 = self.free[account]
    part: uint256 = min(free, amount)
    if part > 0:
        self._set(account, free - part)
    if part < amount:
        tokens._pull(TOKEN, account, amount - part)


@internal
def _burn(amount: uint256):
    self.burned += amount


@internal
def _set(account: address, free: uint256):
    self.free[account] = free
    log IAudits.Balance(account=account, free=free)
