# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ERC-20
@license Apache-2.0
@notice A plain token with one minter, for the test networks.
@dev An allowance of the maximum is not used up. Nothing is called, so nothing can be re-entered:
     the functions take no lock, as in the tokens that this one stands in for.
"""

from ethereum.ercs import IERC20

name: public(immutable(String[32]))
symbol: public(immutable(String[8]))
decimals: public(immutable(uint8))
minter: public(immutable(address))

totalSupply: public(reentrant(uint256))
balanceOf: public(reentrant(HashMap[address, uint256]))
allowance: public(reentrant(HashMap[address, HashMap[address, uint256]]))


@deploy
def __init__(name_: String[32], symbol_: String[8], decimals_: uint8, minter_: address):
    name = name_
    symbol = symbol_
    decimals = decimals_
    minter = minter_


@external
@reentrant
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Send tokens of yours.
    @param to Who receives them.
    @param amount Base units.
    @return Always true; the call reverts otherwise.
    """
    self._transfer(msg.sender, to, amount)
    return True


@external
@reentrant
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Send tokens of an account that allowed you to.
    @param owner Whose tokens.
    @param to Who receives them.
    @param amount Base units.
    @return Always true; the call reverts otherwise.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert amount <= allowed, "erc20: not enough allowance"
        self._approve(owner, msg.sender, allowed - amount)
    self._transfer(owner, to, amount)
    return True


@external
@reentrant
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Allow somebody to send tokens of yours.
    @param spender Who is allowed.
    @param amount Base units, instead of what was allowed before.
    @return Always true.
    """
    self._approve(msg.sender, spender, amount)
    return True


@external
@reentrant
def mint(to: address, amount: uint256):
    """
    @notice Make new tokens. Minter only.
    @param to Who receives them.
    @param amount Base units.
    """
    assert msg.sender == minter, "erc20: not the minter"
    assert to != empty(address), "erc20: bad receiver"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@internal
def _transfer(owner: address, to: address, amount: uint256):
    assert to != empty(address), "erc20: bad receiver"
    balance: uint256 = self.balanceOf[owner]
    assert amount <= balance, "erc20: not enough balance"
    self.balanceOf[owner] = balance - amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)
