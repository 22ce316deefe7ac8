# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Tokens
@license Apache-2.0
@notice Token payments in and out, for tokens that return true or nothing and take no fee.
"""

from ethereum.ercs import IERC20
from ..interfaces import IMarket
from . import reasons
from . import signatures


@internal
def _pull(token: IERC20, owner: address, amount: uint256):
    before: uint256 = staticcall token.balanceOf(self)
    reasons._need(
        extcall token.transferFrom(owner, self, amount, default_return_value=True),
        "tokens: transfer refused",
    )
    # A token that keeps a part would leave a liability without money behind it.
    reasons._need(staticcall token.balanceOf(self) >= before + amount, "tokens: fee taken")


@internal
def _push(token: IERC20, to: address, amount: uint256):
    reasons._need(to not in [empty(address), self], "tokens: bad receiver")
    reasons._need(
        extcall token.transfer(to, amount, default_return_value=True), "tokens: transfer refused"
    )


@internal
def _permit(token: IERC20, owner: address, permit: IMarket.Permit):
    """
    @dev Use a permit, and go on if the token refuses it: it may be used already, or not needed.
    """
    v: uint256 = 0
    s: uint256 = 0
    v, s = signatures._split(permit.vs)
    success: bool = raw_call(
        token.address,
        abi_encode(
            owner,
            self,
            permit.value,
            permit.deadline,
            v,
            permit.r,
            s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        revert_on_failure=False,
    )
