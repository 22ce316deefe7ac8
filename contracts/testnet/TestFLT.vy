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
    erc20.decimals,
    erc20.mint,
    erc20.minter,
    erc20.name,
    erc20.symbol,
    erc20.totalSupply,
    erc20.transfer,
    erc20.transferFrom,
)


@deploy
def __init__(minter: address):
    """
    @notice Fix the minter for ever.
    @param minter The faucet, deployed later at this address.
    """
    erc20.__init__("Test FLT", "tFLT", 18, minter)
