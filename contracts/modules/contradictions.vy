# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Contradictions
@license Apache-2.0
@notice What a peer that keeps true books can never have committed to or signed.
@dev Pure: that roots hold the papers, and that a wallet signed, is checked before.
"""

from . import evidence

# Kinds of contradictions, by what they are about.
RECEIPT: constant(uint256) = 1
LINK: constant(uint256) = 2
HEAD: constant(uint256) = 3
TWO_SUMMARIES: constant(uint256) = 4
OVERLAP: constant(uint256) = 5
LINK_OF_EPOCHS: constant(uint256) = 6
CHANGED: constant(uint256) = 7
LEFT_OUT: constant(uint256) = 8


@internal
@pure
def _is_false_receipt(
    summary: uint256[10], receipt: uint256[13], place: uint256, epoch_seconds: uint256
) -> bool:
    """
    @dev Whether a receipt does not belong where it is, or is above the sums of its summary.
    """
    return (
        receipt[evidence.CALL_DEAL] != summary[evidence.DEAL]
        or receipt[evidence.CALL_ASSIGNMENT] != summary[evidence.ASSIGNMENT]
        or receipt[evidence.SEQUENCE] < summary[evidence.FIRST]
        or receipt[evidence.SEQUENCE] - summary[evidence.FIRST] != place
        or receipt[evidence.STATUS] > evidence.REFUSED
        or receipt[evidence.TIME] // epoch_seconds != summary[evidence.EPOCH]
        or receipt[evidence.CALL_FUEL] > summary[evidence.FUEL]
        or evidence._work(receipt) > summary[evidence.WORK]
    )


@internal
@pure
def _is_overlap(earlier: uint256[10], later: uint256[10]) -> bool:
    """
    @dev Whether a summary begins before an earlier one ends.
    """
    return later[evidence.EPOCH] > earlier[evidence.EPOCH] and (
        later[evidence.FIRST] < earlier[evidence.FIRST]
        or later[evidence.FIRST] - earlier[evidence.FIRST] < earlier[evidence.COUNT]
    )


@internal
@pure
def _is_broken_link(earlier: uint256[10], later: uint256[10], receipt: uint256[13]) -> bool:
    """
    @dev Whether the first receipt of a summary does not name the last one before it.
    """
    return (
        later[evidence.EPOCH] > earlier[evidence.EPOCH]
        and self._follows(earlier, later)
        and receipt[evidence.PREVIOUS] != earlier[evidence.HEAD]
    )


@internal
@pure
def _is_changed(receipt: uint256[13], signed: uint256[13]) -> bool:
    """
    @dev Whether a wallet signed another receipt of the same sequence.
    """
    return (
        signed[evidence.SEQUENCE] == receipt[evidence.SEQUENCE]
        and evidence._receipt_hash(signed) != evidence._receipt_hash(receipt)
    )


@internal
@pure
def _is_left_out(summary: uint256[10], signed: uint256[13], epoch_seconds: uint256) -> bool:
    """
    @dev Whether a signed receipt of the epoch of a summary is not in it, or one of an earlier epoch
         is beyond its last.
    """
    epoch: uint256 = signed[evidence.TIME] // epoch_seconds
    if epoch > summary[evidence.EPOCH] or evidence._holds(summary, signed[evidence.SEQUENCE]):
        return False
    return epoch == summary[evidence.EPOCH] or signed[evidence.SEQUENCE] >= summary[evidence.FIRST]


@internal
@pure
def _follows(earlier: uint256[10], later: uint256[10]) -> bool:
    """
    @dev Whether a summary begins where another one ends.
    """
    return (
        later[evidence.FIRST] >= earlier[evidence.FIRST]
        and later[evidence.FIRST] - earlier[evidence.FIRST] == earlier[evidence.COUNT]
    )
