# pragma version 0.4.3
# pragma optimize codesize
# pragma nonreentrancy on
"""
@title Meter
@license Apache-2.0
@notice Checks the vouchers of metered deals and has Market pay them. Holds nothing.
@dev A voucher states all work of an assignment so far, so none can be paid twice, and an older one
     is worth nothing beside a newer one.
@custom:kill Nothing to switch off: there is no owner and no money.
"""

from .interfaces import IMarket
from .interfaces import IMeter
from .modules import reasons
from .modules import signatures

USAGE_TYPEHASH: constant(bytes32) = keccak256("Usage(uint256 assignment,uint256 work)")
MAX_VOUCHERS: constant(uint256) = 64
WORK_BITS: constant(uint256) = 96

MARKET: public(immutable(IMarket))


@deploy
def __init__(market: address):
    """
    @notice Fix the market for ever.
    @param market The Market that pays, and for whose domain vouchers are signed.
    """
    MARKET = IMarket(market)


@external
def redeem(vouchers: DynArray[IMeter.Voucher, MAX_VOUCHERS]):
    """
    @notice Have providers paid for work that the meters of their deals signed, as far as the
            balances go. Anyone; refused vouchers are reported in `Skipped`.
    @param vouchers Assignments with all their work so far and the signature over it.
    """
    domain: bytes32 = staticcall MARKET.domain_separator()
    for voucher: IMeter.Voucher in vouchers:
        reason: uint256 = self._redeem(voucher, domain)
        if reason != 0:
            log IMeter.Skipped(assignment=voucher.assignment, reason=reason)


@internal
def _redeem(voucher: IMeter.Voucher, domain: bytes32) -> uint256:
    """
    @dev Redeem one voucher.
    @return The reason of refusal, or 0.
    """
    meter: address = staticcall MARKET.meter_of(voucher.assignment)
    if meter == empty(address):
        return reasons.NOT_METERED
    hash: bytes32 = keccak256(abi_encode(USAGE_TYPEHASH, voucher.assignment, voucher.work))
    if voucher.work >> WORK_BITS != 0 or not signatures._is_signed(
        meter, domain, hash, voucher.r, voucher.vs
    ):
        return reasons.VOUCHER
    paid: uint256 = 0
    owed: uint256 = 0
    balance: uint256 = 0
    deal: uint256 = 0
    paid, owed, balance, deal = extcall MARKET.pay(voucher.assignment, voucher.work)
    if paid == 0:
        return reasons.NOTHING_DUE if owed == 0 else reasons.NO_BALANCE
    log IMeter.Redeemed(
        assignment=voucher.assignment,
        deal=deal,
        work=voucher.work,
        paid=paid,
        owed=owed,
        balance=balance,
    )
    return 0
