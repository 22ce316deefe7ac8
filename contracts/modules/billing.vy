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




@internal
@pure
def _settle(deal: IRecords.Deal, epoch: uint256) -> (IRecords.Deal, uint256):
    """
    @dev Bill every epoch that began since the deal was settled.
    @param deal The deal as stored.
    @param epoch The current epoch.
    @return The deal as of now, and the last funded epoch if its run lapsed (then `run` grew).
    """
    settled: IRecords.Deal = deal
    last: uint256 = 0
    until: uint256 = min(epoch, deal.end)
    if until > deal.settled:
        if deal.rate > 0:
            due: uint256 = until - deal.settled
            # Rounds down: an epoch is funded whole or not at all.
            funded: uint256 = min(due, deal.balance // deal.rate)
            settled.balance -= funded * deal.rate
            if funded < due:
                last = deal.settled + funded
                settled.run += 1
                settled.rate = 0
                settled.units = 0
        settled.settled = until
    return settled, last


@internal
@pure
def _is_open(state: uint256) -> bool:
    return state == packing.PENDING or state == packing.ACTIVE


@internal
@pure
def _is_alive(assignment: IRecords.Assignment, deal: IRecords.Deal, epoch: uint256) -> bool:
    """
    @dev Whether an assignment of a settled deal still serves it.
    """
    return (
        self._is_open(assignment.state)
        and assignment.run == deal.run
        and not deal.stopped
        and epoch <= deal.end
    )


@internal
@pure
def _end_of(
    assignment: IRecords.Assignment, deal: IRecords.Deal, run_end: uint256
) -> uint256:
    """
    @dev Last epoch that can be paid.
    @param assignment Of this deal.
    @param deal Settled.
    @param run_end Last funded epoch of the assignment's run; read only if that run is over.
    @return The epoch.
    """
    if assignment.state == packing.ENDED:
        return assignment.end
    if assignment.run < deal.run:
        return run_end
    return deal.end


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
    assignment: IRecords.Assignment, claimed: uint256, proven: uint256, first_is_proven: bool
) -> (uint256, uint256):
    """
    @dev Split what was put aside for the next epochs of an assignment.
    @param assignment Before the claim.
    @param claimed How many epochs are claimed.
    @param proven How many of them are proven.
    @param first_is_proven Whether the first one is.
    @return Pay of the provider, refund of the developer.
    """
    rate: uint256 = assignment.price * assignment.units
    missed: uint256 = rate - self._share(rate, assignment.skipped)
    paid: uint256 = rate * proven
    if first_is_proven:
        paid -= missed
    return paid, rate * claimed - missed - paid
