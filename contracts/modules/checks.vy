# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Checks
@license Apache-2.0
@notice Why a fill is refused: numbers 1 to 14, 14 being checked after 1.
@dev Pure and used by Market and MarketLens alike, so that "why refused" cannot drift.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from . import reasons
from . import signatures

ONLY_LISTED: constant(uint256) = 1
EXCEPT_LISTED: constant(uint256) = 2

MAX_LIVE: constant(uint256) = 64
MAX_PRICE: constant(uint256) = 2**48 - 1


@internal
@view
def _check_fill(
    offer: IMarket.DeveloperOffer,
    fill: IMarket.Fill,
    ask: IRecords.Ask,
    room: IRecords.Room,
    domain: bytes32,
) -> (uint256, uint256):
    """
    @dev Check one fill against both offers, the peer and what is left in the deal.
    @param offer The developer offer; its own validity is not checked here.
    @param fill The provider offer and the units asked of it.
    @param ask What the chain says about the peer, its provider and the provider offer.
    @param room What is left in the deal after the fills before this one.
    @param domain The EIP-712 domain separator of Market.
    @return The reason of refusal, 0 if none, and the units to assign, 0 if refused.
    """
    provider: address = ask.peer.provider
    if provider == empty(address):
        return reasons.NO_PEER, 0
    if fill.kind != convert(offer.meter != empty(address), uint256):
        return reasons.KIND, 0
    if fill.price == 0 or fill.price > offer.max_price or fill.price > MAX_PRICE:
        return reasons.PRICE, 0
    if block.timestamp > fill.valid_until:
        return reasons.EXPIRED, 0
    if fill.counter != ask.counter:
        return reasons.COUNTER, 0
    if fill.developer != empty(address) and fill.developer != offer.developer:
        return reasons.PRIVATE, 0
    if ask.peer.memory_mib < offer.min_memory_mib:
        return reasons.MEMORY, 0
    if offer.regions != 0 and (offer.regions >> ask.peer.region) & 1 == 0:
        return reasons.REGION, 0
    if offer.traits & ~ask.traits != 0:
        return reasons.TRAITS, 0
    if offer.providers_mode != 0:
        if (provider in offer.providers) != (offer.providers_mode == ONLY_LISTED):
            return reasons.PROVIDER_LIST, 0
    if room.live >= MAX_LIVE:
        return reasons.DEAL_FULL, 0
    units: uint256 = self._units(offer, fill, ask, room)
    if units == 0:
        return reasons.NO_UNITS, 0
    if ask.cancelled:
        return reasons.CANCELLED, 0
    if not ask.approved and not signatures._is_signed(provider, domain, ask.hash, fill.r, fill.vs):
        return reasons.SIGNATURE, 0
    return 0, units


@internal
@pure
def _units(
    offer: IMarket.DeveloperOffer,
    fill: IMarket.Fill,
    ask: IRecords.Ask,
    room: IRecords.Room,
) -> uint256:
    """
    @dev Units that a fill can give: asked, wanted, for sale, under the cap and paid for.
    """
    units: uint256 = min(fill.units, self._left(offer.units, room.units))
    units = min(units, self._left(ask.peer.units, ask.peer.used))
    if offer.max_units_per_provider != 0:
        units = min(units, self._left(offer.max_units_per_provider, ask.taken))
    # Rounds down: the balance must pay one epoch, or 10^12 work, of every unit.
    return min(units, self._left(room.balance, room.committed) // fill.price)


@internal
@pure
def _left(total: uint256, used: uint256) -> uint256:
    return total - used if total > used else 0
