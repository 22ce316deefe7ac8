# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Ledger
@license Apache-2.0
@notice The free balance and the offer counter of every account, and the token behind them.
@dev Each function loads, changes and stores one account at once: developer, provider and caller
     may be the same account.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ..interfaces import IMarket
from . import packing
from . import reasons
from . import tokens

TOKEN_DECIMALS: constant(uint8) = 6
MAX_AMOUNT: constant(uint256) = 2**64 - 1

TOKEN: public(immutable(IERC20))

_accounts: HashMap[address, uint256]


@deploy
def __init__(token: address):
    assert staticcall IERC20Detailed(token).decimals() == TOKEN_DECIMALS, "ledger: not 6 decimals"
    TOKEN = IERC20(token)


@external
def deposit(amount: uint256):
    """
    @notice Add USDC to your free balance; needs your allowance for the Market.
    @param amount From 1 to 2^64 - 1 base units.
    """
    self._check_amount(amount)
    free: uint256 = self._credit(msg.sender, amount)
    log IMarket.Deposited(account=msg.sender, amount=amount, free=free)
    tokens._pull(TOKEN, msg.sender, amount)


@external
def withdraw(amount: uint256, to: address):
    """
    @notice Take USDC out of your free balance. Works at any time, also while matching is paused.
    @param amount From 1 to 2^64 - 1 base units.
    @param to Who receives it.
    """
    self._check_amount(amount)
    self._withdraw(msg.sender, amount, to)


@external
def bump_counter():
    """
    @notice Make every offer you signed or published so far invalid; deals go on.
    """
    word: uint256 = self._accounts[msg.sender]
    counter: uint256 = (word >> 128) + 1
    self._accounts[msg.sender] = packing._pack_account(word & packing.MASK_128, counter)
    log IMarket.CounterBumped(account=msg.sender, counter=counter)


@external
@view
def account_word(account: address) -> uint256:
    """
    @notice Read the packed record of an account.
    @param account Any account.
    @return Free balance in the low 128 bits, counter in the high ones.
    """
    return self._accounts[account]


@internal
@view
def _counter(account: address) -> uint256:
    return packing._unpack_account(self._accounts[account])[1]


@internal
@pure
def _check_amount(amount: uint256):
    reasons._need(amount > 0 and amount <= MAX_AMOUNT, "ledger: amount out of range")


@internal
def _credit(owner: address, amount: uint256) -> uint256:
    """
    @dev Add to a free balance.
    @return The balance afterwards.
    """
    word: uint256 = self._accounts[owner]
    free: uint256 = (word & packing.MASK_128) + amount
    self._accounts[owner] = packing._pack_account(free, word >> 128)
    return free


@internal
def _debit(owner: address, amount: uint256) -> uint256:
    """
    @dev Take as much of an amount as the free balance has.
    @return What is missing and must be pulled from the owner's tokens.
    """
    word: uint256 = self._accounts[owner]
    free: uint256 = word & packing.MASK_128
    part: uint256 = min(free, amount)
    if part > 0:
        self._accounts[owner] = packing._pack_account(free - part, word >> 128)
    return amount - part


@internal
def _withdraw(owner: address, amount: uint256, to: address):
    word: uint256 = self._accounts[owner]
    free: uint256 = word & packing.MASK_128
    reasons._need(amount <= free, "ledger: not enough free")
    free -= amount
    # Covered by the low field, so nothing is borrowed from the counter.
    self._accounts[owner] = word - amount
    log IMarket.Withdrawn(account=owner, to=to, amount=amount, free=free)
    tokens._push(TOKEN, to, amount)
