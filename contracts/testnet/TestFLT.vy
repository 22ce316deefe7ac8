# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Test FLT
@license Apache-2.0
@notice Stands in for FLT on test networks; the faucet mints it.
@custom:kill Not possible and not needed: the token is worth nothing.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ..interfaces import ITestToken

implements: IERC20
implements: IERC20Detailed
implements: ITestToken

from ..modules import erc20

initializes: erc20
exports: (
    erc20.allowance,
    erc20.approve,
    erc20.balanceOf,
    erc20.mint,
    erc20.minter,
    erc20.totalSupply,
    erc20.transfer,
    erc20.transferFrom,
)

name: public(constant(String[8])) = "Test FLT"
symbol: public(constant(String[4])) = "tFLT"
decimals: public(constant(uint8)) = 18


@deploy
def __init__(minter: address):
    """
    @notice Fix the minter for ever.
    @param minter The faucet, deployed later at this address.
    """
    erc20.__init__(minter)
