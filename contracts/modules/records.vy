# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Records
@license Apache-2.0
@notice Reads the packed records of Market from outside, and what they say alone.
"""

from ..interfaces import IMarket
from ..interfaces import IRecords
from . import billing
from . import packing

MARKET: public(immutable(IMarket))


@deploy
def __init__(market: address):
    MARKET = IMarket(market)


@external
@view
def free(account: address) -> uint256:
    """
    @notice Read what an account can withdraw.
    @param account Any account.
    @return USDC base units.
    """
    return packing._unpack_account(staticcall MARKET.account_word(account))[0]


@external
@view
def counter(account: address) -> uint256:
    """
    @notice Read the counter that the offers of an account must carry.
    @param account Any account.
    @return The counter.
    """
    return packing._unpack_account(staticcall MARKET.account_word(account))[1]


@external
@view
def peer_count() -> uint256:
    """
    @notice Read how many peers were registered.
    @return The highest peer id.
    """
    return self._counts().peers


@external
@view
def deal_count() -> uint256:
    """
    @notice Read how many deals were made.
    @return The highest deal id.
    """
    return self._counts().deals


@external
@view
def assignment_count() -> uint256:
    """
    @notice Read how many assignments were made.
    @return The highest assignment id.
    """
    return self._counts().assignments


@internal
@view
def _deal(deal: uint256, epoch: uint256) -> (IRecords.Deal, uint256):
    """
    @dev A deal, settled, and the last funded epoch if it lapsed since it was stored.
    """
    return billing._settle(staticcall MARKET.deal_word(deal), epoch)


@internal
@view
def _end_of(record: IRecords.Assignment, settled: IRecords.Deal, lapsed: uint256) -> uint256:
    if record.state in [packing.ENDED, packing.CLOSED]:
        return record.end
    if record.run < settled.run:
        return self._run_end(record.deal, record.run, lapsed)
    return settled.end


@internal
@view
def _is_short(peer: uint256) -> bool:
    """
    @dev Whether more units are in use than are bonded.
    """
    record: IRecords.Peer = self._peer(peer)
    return record.used > record.units


@internal
@view
def _counts() -> IRecords.Counts:
    return packing._unpack_counts(staticcall MARKET.counts_word())


@internal
@view
def _run_end(deal: uint256, run: uint256, lapsed: uint256) -> uint256:
    """
    @dev End of a lapsed run; `lapsed` if Market has not stored it yet.
    """
    stored: uint256 = staticcall MARKET.run_end(deal, run)
    return stored if stored != 0 else lapsed


@internal
@view
def _assignment(assignment: uint256) -> IRecords.Assignment:
    return packing._unpack_assignment(staticcall MARKET.assignment_word(assignment))


@internal
@view
def _peer(peer: uint256) -> IRecords.Peer:
    return packing._unpack_peer(staticcall MARKET.peer_word(peer))


@internal
@view
def _extra(peer: uint256) -> IRecords.PeerExtra:
    return packing._unpack_peer_extra(staticcall MARKET.peer_extra_word(peer))


@internal
@view
def _offer(account: address, hash: bytes32) -> IRecords.OfferState:
    return packing._unpack_offer(staticcall MARKET.offer_word(account, hash))
