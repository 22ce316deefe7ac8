# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Cases
@license Apache-2.0
@notice The asks and accusations, their phases, and the votes of their juries.
@dev Each phase has a clock of its own, and needs blocks as well as time: while the chain stands
     still nobody can be late.
"""

from ..interfaces import IAudits
from . import docket
from . import epochs
from . import packing

uses: epochs

ASK: constant(uint256) = 1
ACCUSATION: constant(uint256) = 2

OPEN: constant(uint256) = 1
DRAWN: constant(uint256) = 2
SHOWN: constant(uint256) = 3
CLOSED: constant(uint256) = 4

ANSWERED: constant(uint256) = 1
CONVICTED: constant(uint256) = 2
ACQUITTED: constant(uint256) = 3
VOID: constant(uint256) = 4

SEQUENCE_BITS: constant(uint256) = 64
# The state within a packed case.
STATE: constant(uint256) = packing.MASK_8 << 8

PHASE_BLOCKS: public(immutable(uint256))

case_count: public(uint256)
# Who opened a case.
case_by: public(HashMap[uint256, address])
# What an accused receipt says that running the call again gives; of an ask epoch and sequence.
case_value: public(HashMap[uint256, bytes32])
# Seven places of 32 bits.
jury_word: public(HashMap[uint256, uint256])
# Bit set of the jurors that revealed.
revealed_word: public(HashMap[uint256, uint256])
# Commitment of a juror, and its vote once revealed.
vote_of: public(HashMap[uint256, HashMap[uint256, bytes32]])
# The last case with a key: what was asked for, or the hash of the accused receipt.
case_of: public(HashMap[bytes32, uint256])
# Accusations that wait for their draw.
undrawn: public(uint256)

_cases: HashMap[uint256, uint256]


@deploy
def __init__(phase_blocks: uint256):
    PHASE_BLOCKS = phase_blocks


@external
@view
def case_word(case: uint256) -> uint256:
    """
    @notice Read the packed record of a case.
    @param case The case.
    @return Kind 8 bits, state 8, assignment 32, peer 32, since 40, block 40, seats 32, outcome 8.
    """
    return self._cases[case]


@internal
def _open(
    kind: uint256,
    assignment: uint256,
    peer: uint256,
    seats: uint256,
    by: address,
    key: bytes32,
    question: bytes32,
) -> uint256:
    """
    @dev Store a new case.
    @return Its id.
    """
    case: uint256 = self.case_count + 1
    self.case_count = case
    self.case_of[key] = case
    self.case_by[case] = by
    self.case_value[case] = question
    self._cases[case] = docket._pack_case(
        IAudits.Case(
            kind=kind,
            state=OPEN,
            assignment=assignment,
            peer=peer,
            since=block.timestamp,
            block=block.number,
            seats=seats,
            outcome=0,
        )
    )
    return case


@internal
def _begin(case: uint256, record: IAudits.Case, state: uint256):
    """
    @dev Begin a phase.
    """
    begun: IAudits.Case = record
    begun.state = state
    begun.since = block.timestamp
    begun.block = block.number
    self._cases[case] = docket._pack_case(begun)


@internal
def _close(case: uint256, assignment: uint256, outcome: uint256, seized: uint256):
    """
    @dev Close a case; no other field of its record changes, and the outcome was zero.
    """
    self._cases[case] = (self._cases[case] & ~STATE) | (CLOSED << 8) | (outcome << 192)
    log IAudits.Closed(case=case, assignment=assignment, outcome=outcome, seized=seized)


@internal
@view
def _need_state(case: uint256, kind: uint256, state: uint256) -> IAudits.Case:
    """
    @dev Insist on what a case is and where it stands.
    """
    record: IAudits.Case = self._load(case)
    assert record.kind == kind and record.state == state, "audits: not open"
    return record


@internal
@view
def _is_after(record: IAudits.Case, phases: uint256) -> bool:
    """
    @dev Whether so many epochs of the phase have passed, with blocks enough in them.
    """
    return (
        block.timestamp >= record.since + phases * epochs.EPOCH_SECONDS
        and block.number >= record.block + phases * PHASE_BLOCKS
    )


@internal
@view
def _is_free(key: bytes32) -> bool:
    """
    @dev Whether no accusation of a receipt is open, and none ended in its favour.
    """
    record: IAudits.Case = self._load(self.case_of[key])
    return record.kind == 0 or (record.state == CLOSED and record.outcome != ACQUITTED)


@internal
def _vote(case: uint256, place: uint256, commitment: bytes32):
    assert self.vote_of[case][place] == empty(bytes32), "audits: voted before"
    assert commitment != empty(bytes32), "audits: wrong vote"
    self.vote_of[case][place] = commitment
    log IAudits.Voted(case=case, place=place)


@internal
def _reveal(case: uint256, place: uint256, vote: bytes32, salt: bytes32):
    revealed: uint256 = self.revealed_word[case]
    assert (revealed >> place) & 1 == 0, "audits: voted before"
    commitment: bytes32 = keccak256(abi_encode(case, place, vote, salt))
    assert self.vote_of[case][place] == commitment, "audits: wrong vote"
    self.revealed_word[case] = revealed | (1 << place)
    self.vote_of[case][place] = vote
    log IAudits.Revealed(case=case, place=place, vote=vote)


@internal
@view
def _load(case: uint256) -> IAudits.Case:
    return docket._unpack_case(self._cases[case])
