# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Proving
@license Apache-2.0
@notice What the proofs of a peer mean: what an assignment can be paid, and when it is at fault.
@dev Used by Market and MarketLens alike. Reads Proofs, which reads nothing of Market here.
"""

from ..interfaces import IProofs
from ..interfaces import IRecords
from . import billing
from . import epochs
from . import packing

uses: epochs

# Epochs of one claim; `Proofs.proven` reads at most five words for them.
MAX_EPOCHS: constant(uint256) = 1_024
# The peer that anybody may prove, to show that the chain took commitments.
PULSE: constant(uint256) = 0

PROOFS: public(immutable(IProofs))
ACCEPT_SECONDS: public(immutable(uint256))
ACCEPT_BLOCKS: public(immutable(uint256))
MAX_MISSED: public(immutable(uint256))


@deploy
def __init__(proofs: address, accept_seconds: uint256, accept_blocks: uint256, max_missed: uint256):
    assert accept_seconds >= 1, "proving: no time to accept"
    assert max_missed >= 1, "proving: no missed epoch"
    assert max_missed + epochs.PROOF_WINDOW <= MAX_EPOCHS, "proving: window too long"
    PROOFS = IProofs(proofs)
    ACCEPT_SECONDS = accept_seconds
    ACCEPT_BLOCKS = accept_blocks
    MAX_MISSED = max_missed


@internal
@view
def _claimable(
    record: IRecords.Assignment, end: uint256, epoch: uint256
) -> (uint256, uint256, uint256):
    """
    @dev Split the final, unclaimed epochs of an assignment.
    @param record Active or ended.
    @param end Last epoch that can be paid.
    @param epoch The current epoch.
    @return Last epoch of the claim, 0 if nothing is final; pay of the provider; refund of the
            developer.
    """
    first: uint256 = record.next
    if first > end or first + epochs.PROOF_WINDOW >= epoch:
        return 0, 0, 0
    last: uint256 = min(min(end, epoch - 1 - epochs.PROOF_WINDOW), first + MAX_EPOCHS - 1)
    proven: uint256 = 0
    first_is_proven: bool = False
    proven, first_is_proven = staticcall PROOFS.proven(record.peer, first, last)
    paid: uint256 = 0
    refunded: uint256 = 0
    paid, refunded = billing._split(
        record.price * record.units, record.skipped, last + 1 - first, proven, first_is_proven
    )
    return last, paid, refunded


@internal
@view
def _is_fault(record: IRecords.Assignment, epoch: uint256) -> bool:
    """
    @dev Whether the peer of an alive assignment failed to answer or to prove in time, while the
         chain took transactions: blocks passed, and somebody set the pulse in each final epoch.
    """
    if record.state == packing.PENDING:
        return (
            block.timestamp > record.start + ACCEPT_SECONDS
            and block.number > record.next + ACCEPT_BLOCKS
        )
    missed: uint256 = epochs.PROOF_WINDOW + MAX_MISSED
    if record.start + missed > epoch:
        return False
    proven: uint256 = 0
    first_is_proven: bool = False
    proven, first_is_proven = staticcall PROOFS.proven(record.peer, epoch - missed, epoch - 1)
    if proven != 0:
        return False
    proven, first_is_proven = staticcall PROOFS.proven(
        PULSE, epoch - missed, epoch - 1 - epochs.PROOF_WINDOW
    )
    return proven == MAX_MISSED
