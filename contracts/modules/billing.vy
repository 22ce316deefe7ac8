# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Billing
@license Apache-2.0
@notice What time does to deals and assignments: settling, lapsing, and splitting a claim.
@dev Pure, so that Market and MarketLens cannot disagree. Settling once equals settling at
     every boundary; no call depends on who touched a deal before.
"""

from ..interfaces import IRecords
from . import epochs
from . import packing

# The price of a metered assignment is for so much work.
WORK_PER_PRICE: constant(uint256) = 10**12


@internal
@pure
def _settle(word: uint256, epoch: uint256) -> (IRecords.Deal, uint256):
    """
    @dev Bill every epoch that began since a deal was settled.
    @param word The deal as stored.
    @param epoch The current epoch.
    @return The deal as of now, and the last funded epoch if its run lapsed, else 0.
    """
    deal: IRecords.Deal = packing._unpack_deal(word)
    last: uint256 = 0
    until: uint256 = min(epoch, deal.end)
    if until > deal.settled:
        if deal.rate > 0:
            due: uint256 = until - deal.settled
            # Rounds down: an epoch is funded whole or not at all.
            funded: uint256 = min(due, deal.balance // deal.rate)
            deal.balance -= funded * deal.rate
            if funded < due:
                last = deal.settled + funded
                deal.run += 1
                deal.rate = 0
                deal.units = 0
        deal.settled = until
    return deal, last


@internal
@pure
def _is_open(state: uint256) -> bool:
    return state in [packing.PENDING, packing.ACTIVE, packing.METERED]


@internal
@pure
def _is_alive(run: uint256, deal: IRecords.Deal, epoch: uint256) -> bool:
    """
    @dev Whether the open assignments of a run still serve their deal.
    @param run The run of the assignment.
    @param deal The deal, settled.
    @param epoch The current epoch.
    @return True until the run lapses, the deal is stopped or its planned end is over.
    """
    return run == deal.run and not deal.stopped and epoch <= deal.end


@internal
@pure
def _share(rate: uint256, skipped: uint256) -> uint256:
    """
    @dev Pay for what is left of the epoch of activation, rounded down for the developer.
    """
    return rate * (epochs.FRACTION - skipped) // epochs.FRACTION


@internal
@pure
def _split(
    rate: uint256, skipped: uint256, claimed: uint256, proven: uint256, first_is_proven: bool
) -> (uint256, uint256):
    """
    @dev Split what was put aside for the next epochs of an assignment.
    @param rate Price of an epoch.
    @param skipped Missed part of the first epoch, in 1/65,536.
    @param claimed How many epochs are claimed.
    @param proven How many of them are proven.
    @param first_is_proven Whether the first one is.
    @return Pay of the provider, refund of the developer.
    """
    missed: uint256 = rate - rate * (epochs.FRACTION - skipped) // epochs.FRACTION
    paid: uint256 = rate * proven
    if first_is_proven:
        paid -= missed
    return paid, rate * claimed - missed - paid


@internal
@pure
def _put_aside(record: IRecords.Assignment) -> uint256:
    """
    @dev What is put aside for the unclaimed epochs of an ended assignment.
    """
    if record.next > record.end:
        return 0
    rate: uint256 = record.price * record.units
    missed: uint256 = rate - self._share(rate, record.skipped)
    return rate * (record.end + 1 - record.next) - missed


@internal
@pure
def _due(price: uint256, work: uint256) -> uint256:
    """
    @dev Pay for all work of an assignment, rounded down for the developer.
    """
    return min(work * price // WORK_PER_PRICE, packing.MASK_48)
