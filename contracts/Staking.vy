# pragma version 0.4.3
# pragma optimize codesize
# pragma nonreentrancy on
"""
@title Staking
@license Apache-2.0
@notice The providers' FLT: free stake, the bond locked for their units, and stake on its way out.
@dev Only Market moves locked stake. Reads nothing of Market. Stake that stops being a bond has to
     leave, so that it stays within reach until no lie of its time can be proven any more.
@custom:kill Nothing to switch off: there is no owner. Stake that is not locked can always leave.
"""

from ethereum.ercs import IERC20
from .interfaces import IStaking

implements: IStaking

from .modules import tokens

MAX_AMOUNT: constant(uint256) = 2**128 - 1
MASK_192: constant(uint256) = 2**192 - 1

TOKEN: public(immutable(IERC20))
MARKET: public(immutable(address))
DELAY: public(immutable(uint256))

_stakes: HashMap[address, uint256]
_leaving: HashMap[address, uint256]


@deploy
def __init__(token: address, market: address, delay: uint256):
    """
    @notice Fix the token, the market and the delay for ever.
    @param token FLT: no fee on transfers.
    @param market The only contract that may lock, unlock, slash and seize.
    @param delay Seconds between a request to leave and its withdrawal, at least 1.
    """
    assert market != empty(address), "staking: no market"
    assert delay >= 1, "staking: no delay"
    TOKEN = IERC20(token)
    MARKET = market
    DELAY = delay


@external
def deposit(amount: uint256):
    """
    @notice Add FLT to your free stake; needs your allowance for this contract.
    @param amount From 1 to 2^128 - 1 base units.
    """
    self._check_amount(amount)
    free: uint256 = 0
    locked: uint256 = 0
    free, locked = self._load(msg.sender)
    self._store(msg.sender, free + amount, locked)
    tokens._pull(TOKEN, msg.sender, amount)


@external
def request(amount: uint256):
    """
    @notice Begin to take free stake out. Restarts the delay for all that is leaving.
    @param amount From 1 base unit to your free stake.
    """
    self._check_amount(amount)
    free: uint256 = 0
    locked: uint256 = 0
    free, locked = self._load(msg.sender)
    assert amount <= free, "staking: not enough free"
    self._store(msg.sender, free - amount, locked)
    self._leave(msg.sender, amount)


@external
def withdraw(to: address):
    """
    @notice Take out all that is leaving, once its delay is over.
    @param to Who receives the FLT.
    """
    amount: uint256 = 0
    ready: uint256 = 0
    amount, ready = self._unpack_leaving(self._leaving[msg.sender])
    assert amount > 0, "staking: nothing leaving"
    assert block.timestamp >= ready, "staking: not ready"
    self._store_leaving(msg.sender, 0, 0)
    tokens._push(TOKEN, to, amount)


@external
def lock(provider: address, amount: uint256):
    """
    @notice Lock free stake as a bond. Market only.
    @param provider Whose stake.
    @param amount FLT base units.
    """
    self._check_market()
    free: uint256 = 0
    locked: uint256 = 0
    free, locked = self._load(provider)
    assert amount <= free, "staking: bond not covered"
    self._store(provider, free - amount, locked + amount)


@external
def unlock(provider: address, amount: uint256):
    """
    @notice Let a part of a bond leave; restarts the delay for all that is leaving. Market only.
    @param provider Whose stake.
    @param amount FLT base units.
    """
    self._check_market()
    free: uint256 = 0
    locked: uint256 = 0
    free, locked = self._load(provider)
    self._store(provider, free, locked - amount)
    self._leave(provider, amount)


@external
def slash(provider: address, units_bond: uint256, fee: uint256, caller: address):
    """
    @notice Take the bond of units lost by a fault: the fee goes to who proved it, the rest
            leaves. Market only.
    @param provider Whose stake.
    @param units_bond Bond of the units.
    @param fee Part of it that the caller earns.
    @param caller Whose free stake grows by the fee.
    """
    self._check_market()
    free: uint256 = 0
    locked: uint256 = 0
    free, locked = self._load(provider)
    self._store(provider, free, locked - units_bond)
    self._leave(provider, units_bond - fee)
    # Loaded afresh: a provider may prove its own fault.
    free, locked = self._load(caller)
    self._store(caller, free + fee, locked)


@external
def seize(provider: address, bond: uint256, rest: uint256, to: address) -> uint256:
    """
    @notice Take a bond for a proven lie, and what is missing of it out of the stake that is leaving,
            then out of the free stake, as far as there is any. Market only.
    @param provider Whose stake.
    @param bond FLT that are locked.
    @param rest FLT that are not locked any more.
    @param to Who receives all of it.
    @return FLT that were taken.
    """
    self._check_market()
    free: uint256 = 0
    locked: uint256 = 0
    free, locked = self._load(provider)
    amount: uint256 = 0
    ready: uint256 = 0
    amount, ready = self._unpack_leaving(self._leaving[provider])
    from_leaving: uint256 = min(rest, amount)
    from_free: uint256 = min(rest - from_leaving, free)
    self._store(provider, free - from_free, locked - bond)
    if from_leaving > 0:
        self._store_leaving(provider, amount - from_leaving, ready)
    taken: uint256 = bond + from_leaving + from_free
    if taken > 0:
        tokens._push(TOKEN, to, taken)
    return taken


@external
@view
def stake_word(account: address) -> uint256:
    """
    @notice Read the packed stake of an account.
    @param account Any account.
    @return Free stake in the low 128 bits, locked stake in the high ones.
    """
    return self._stakes[account]


@external
@view
def leaving_word(account: address) -> uint256:
    """
    @notice Read the packed record of what is leaving.
    @param account Any account.
    @return Amount in the low 192 bits, time of readiness in the high 64.
    """
    return self._leaving[account]


@external
@view
def free(account: address) -> uint256:
    """
    @notice Read the stake that can be locked or leave.
    @param account Any account.
    @return FLT base units.
    """
    return self._load(account)[0]


@external
@view
def locked(account: address) -> uint256:
    """
    @notice Read the stake that is locked as a bond.
    @param account Any account.
    @return FLT base units.
    """
    return self._load(account)[1]


@external
@view
def leaving(account: address) -> (uint256, uint256):
    """
    @notice Read what is leaving.
    @param account Any account.
    @return FLT base units, and the time from which they can be withdrawn.
    """
    return self._unpack_leaving(self._leaving[account])


@internal
@view
def _check_market():
    assert msg.sender == MARKET, "staking: not the market"


@internal
@pure
def _check_amount(amount: uint256):
    assert amount > 0 and amount <= MAX_AMOUNT, "staking: amount out of range"


@internal
@view
def _load(account: address) -> (uint256, uint256):
    """
    @dev Free and locked stake.
    """
    word: uint256 = self._stakes[account]
    return word & MAX_AMOUNT, word >> 128


@internal
def _store(account: address, free: uint256, locked: uint256):
    assert (free | locked) >> 128 == 0, "staking: out of range"
    self._stakes[account] = free | (locked << 128)
    log IStaking.Stake(provider=account, free=free, locked=locked)


@internal
@pure
def _unpack_leaving(word: uint256) -> (uint256, uint256):
    """
    @dev Amount and time of readiness.
    """
    return word & MASK_192, word >> 192


@internal
def _leave(account: address, amount: uint256):
    """
    @dev Add to what is leaving, and restart its delay.
    """
    if amount > 0:
        total: uint256 = amount + (self._leaving[account] & MASK_192)
        self._store_leaving(account, total, block.timestamp + DELAY)


@internal
def _store_leaving(account: address, amount: uint256, ready: uint256):
    assert (amount >> 192) | (ready >> 64) == 0, "staking: out of range"
    self._leaving[account] = amount | (ready << 192)
    log IStaking.Leaving(provider=account, amount=amount, ready=ready)
