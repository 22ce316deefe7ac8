# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Faucet
@license Apache-2.0
@notice Mints test tokens for anybody, a fixed amount at a time. For test networks only.
@custom:kill Not possible and not needed: the tokens are worth nothing.
"""

from ..interfaces import IFaucet
from ..interfaces import ITestToken

USDC: public(immutable(ITestToken))
FLT: public(immutable(ITestToken))
USDC_AMOUNT: public(immutable(uint256))
FLT_AMOUNT: public(immutable(uint256))
EVERY_SECONDS: public(immutable(uint256))

# Time of the last drip to an account.
dripped_at: public(HashMap[address, uint256])


@deploy
def __init__(
    usdc: address, flt: address, usdc_amount: uint256, flt_amount: uint256, every_seconds: uint256
):
    """
    @notice Fix the tokens and the amounts; both tokens must name this contract as their minter.
    @param usdc The test USDC.
    @param flt The test FLT.
    @param usdc_amount USDC base units of a drip.
    @param flt_amount FLT base units of a drip.
    @param every_seconds Time between two drips to one account.
    """
    USDC = ITestToken(usdc)
    FLT = ITestToken(flt)
    USDC_AMOUNT = usdc_amount
    FLT_AMOUNT = flt_amount
    EVERY_SECONDS = every_seconds


@external
def drip(to: address):
    """
    @notice Mint both tokens.
    @param to Who receives them; once in a while.
    """
    last: uint256 = self.dripped_at[to]
    assert last == 0 or block.timestamp >= last + EVERY_SECONDS, "faucet: too soon"
    self.dripped_at[to] = block.timestamp
    log IFaucet.Dripped(to=to, usdc=USDC_AMOUNT, flt=FLT_AMOUNT)
    extcall USDC.mint(to, USDC_AMOUNT)
    extcall FLT.mint(to, FLT_AMOUNT)
