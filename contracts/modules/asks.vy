# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Asks
@license Apache-2.0
@notice A root must be shown when somebody asks for a call of it, or silence costs the bond.
"""

from ..interfaces import IAudits
from . import cases
from . import evidence
from . import fees
from . import packing
from . import purse
from . import subjects

uses: cases
uses: fees
uses: purse
uses: subjects

# Epochs in which an ask can be answered before silence convicts.
ANSWER: constant(uint256) = 3


@external
def ask(assignment: uint256, epoch: uint256, sequence: uint256) -> uint256:
    """
    @notice Make a peer show what its root holds of an assignment, or lose the bond. Anyone; costs
            the fee, which the answer earns.
    @param assignment An assignment that ran in the epoch.
    @param epoch One of the last seven epochs, which the peer committed to.
    @param sequence The call to show, below 2^64; each can be asked for once.
    @return The id of the case.
    """
    assert sequence >> cases.SEQUENCE_BITS == 0, "audits: amount out of range"
    peer: uint256 = subjects._challenge(assignment, epoch)
    key: bytes32 = keccak256(abi_encode(assignment, epoch, sequence))
    assert cases.case_of[key] == 0, "audits: asked before"
    question: bytes32 = convert(epoch | (sequence << 32), bytes32)
    case: uint256 = cases._open(cases.ASK, assignment, peer, 0, msg.sender, key, question)
    log IAudits.Opened(
        case=case,
        assignment=assignment,
        by=msg.sender,
        kind=cases.ASK,
        epoch=epoch,
        sequence=sequence,
        receipt=empty(bytes32),
    )
    purse._spend(msg.sender, fees.ASK_FEE)
    return case


@external
def answer(case: uint256, summed: IAudits.Summed, called: IAudits.Called):
    """
    @notice Show what was asked for; the fee goes to the peer's provider. Anyone, until the case is
            closed.
    @param case An open ask.
    @param summed The summary of the assignment in the root of the epoch.
    @param called The receipt of the call; not looked at if the summary does not count it.
    """
    record: IAudits.Case = cases._need_state(case, cases.ASK, cases.OPEN)
    epoch: uint256 = 0
    sequence: uint256 = 0
    epoch, sequence = self._asked(case)
    root: bytes32 = subjects._root(record.peer, epoch)
    evidence._check_summed(summed, record.peer, epoch, record.assignment, root)
    if evidence._holds(summed.fields, sequence):
        evidence._check_called(called, summed.fields)
        assert (
            called.place == sequence - summed.fields[evidence.FIRST]
            and called.fields[evidence.SEQUENCE] == sequence
            and called.fields[evidence.CALL_ASSIGNMENT] == record.assignment
            and called.fields[evidence.CALL_DEAL] == subjects._deal(record.assignment)
        ), "audits: wrong receipt"
    cases._close(case, record.assignment, cases.ANSWERED, 0)
    purse._credit(subjects._provider(record.peer), fees.ASK_FEE)


@internal
@view
def _asked(case: uint256) -> (uint256, uint256):
    """
    @dev Epoch and sequence of an ask.
    """
    question: uint256 = convert(cases.case_value[case], uint256)
    return question & packing.MASK_32, question >> 32


@internal
def _resolve(case: uint256, record: IAudits.Case):
    """
    @dev Convict by silence, unless the root that should have been shown is no longer kept.
    """
    assert cases._is_after(record, ANSWER), "audits: too soon"
    asker: address = cases.case_by[case]
    if subjects._root(record.peer, self._asked(case)[0]) == empty(bytes32):
        cases._close(case, record.assignment, cases.VOID, 0)
    else:
        seized: uint256 = 0
        provider: address = empty(address)
        developer: address = empty(address)
        seized, provider, developer = extcall subjects.MARKET.convict(record.assignment)
        cases._close(case, record.assignment, cases.CONVICTED, seized)
        fees._share_out(asker, developer, seized)
    purse._credit(asker, fees.ASK_FEE)
