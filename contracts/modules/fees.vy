# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Fees
@license Apache-2.0
@notice What a case costs who opens it, and who gets what of a bond.
"""

from . import purse

uses: purse

JURY: constant(uint256) = 7

ASK_FEE: public(immutable(uint256))
STAKE: public(immutable(uint256))
JUROR_FEE: public(immutable(uint256))
SHARE_CAP: public(immutable(uint256))


@deploy
def __init__(ask_fee: uint256, stake: uint256, juror_fee: uint256, share_cap: uint256):
    ASK_FEE = ask_fee
    STAKE = stake
    JUROR_FEE = juror_fee
    SHARE_CAP = share_cap


@internal
@view
def _of_accusation() -> uint256:
    """
    @dev What an accuser pays in.
    """
    return STAKE + JURY * JUROR_FEE


@internal
def _share_out(finder: address, developer: address, seized: uint256):
    """
    @dev A quarter of a bond for the finder and for the developer, up to the cap; the rest is burned.
    """
    # Rounds down: what is left over is burned.
    share: uint256 = min(seized // 4, SHARE_CAP)
    purse._credit(finder, share)
    purse._credit(developer, share)
    purse._burn(seized - 2 * share)
