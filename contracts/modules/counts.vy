# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Counts
@license Apache-2.0
@notice How many peers, deals and assignments there are; the ids run from 1 to these numbers.
"""

from ..interfaces import IRecords
from . import packing

_word: uint256


@external
@view
def counts_word() -> uint256:
    """
    @notice Read the packed counts.
    @return Peers in the low 64 bits, deals in the next 64, assignments in the high 128.
    """
    return self._word


@internal
@view
def _load() -> IRecords.Counts:
    return packing._unpack_counts(self._word)


@internal
def _store(counts: IRecords.Counts):
    self._word = packing._pack_counts(counts)
