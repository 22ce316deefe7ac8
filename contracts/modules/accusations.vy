# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Accusations
@license Apache-2.0
@notice Seven jurors, drawn by chance, run a call again and vote on what it gives.
"""

from ..interfaces import IAudits
from . import cases
from . import epochs
from . import evidence
from . import fees
from . import packing
from . import purse
from . import seats
from . import subjects

uses: cases
uses: epochs
uses: fees
uses: purse
uses: seats
uses: subjects

JURY: constant(uint256) = seats.JURY
# Equal votes that convict or acquit. From CONVICTING on the others are fined: with fewer the honest
# may be the minority.
CONVICTING: constant(uint256) = 5
ACQUITTING: constant(uint256) = 4
# Epochs in which an accusation is drawn, voted on and revealed.
DRAW: constant(uint256) = 1
VOTE: constant(uint256) = 2
REVEAL: constant(uint256) = 1
# A draw waits for this part of an epoch, so that nobody knows its seed at the accusation.
DRAW_PART: constant(uint256) = 48

MIN_SEATS: public(immutable(uint256))


@deploy
def __init__(min_seats: uint256):
    assert min_seats >= JURY, "audits: too few seats"
    MIN_SEATS = min_seats


@external
def accuse(assignment: uint256, summed: IAudits.Summed, called: IAudits.Called) -> uint256:
    """
    @notice Say that running a call again gives something else than its receipt; a jury decides.
            Anyone; costs the stake and the jurors' fees.
    @param assignment The assignment.
    @param summed A summary of it.
    @param called The receipt, in that summary, of a call that was not refused.
    @return The id of the case.
    """
    epoch: uint256 = summed.fields[evidence.EPOCH]
    peer: uint256 = subjects._challenge(assignment, epoch)
    evidence._check_summed(summed, peer, epoch, assignment, subjects._root(peer, epoch))
    evidence._check_called(called, summed.fields)
    assert (
        called.fields[evidence.CALL_ASSIGNMENT] == assignment
        and called.fields[evidence.STATUS] < evidence.REFUSED
    ), "audits: wrong receipt"
    assert seats.taken_seats >= MIN_SEATS, "audits: too few seats"
    receipt: bytes32 = evidence._receipt_hash(called.fields)
    assert cases._is_free(receipt), "audits: accused before"
    case: uint256 = cases._open(
        cases.ACCUSATION,
        assignment,
        peer,
        seats.seat_count,
        msg.sender,
        receipt,
        evidence._value(called.fields),
    )
    cases.undrawn += 1
    log IAudits.Opened(
        case=case,
        assignment=assignment,
        by=msg.sender,
        kind=cases.ACCUSATION,
        epoch=epoch,
        sequence=called.fields[evidence.SEQUENCE],
        receipt=receipt,
    )
    purse._spend(msg.sender, fees._of_accusation())
    return case


@external
def draw(case: uint256):
    """
    @notice Draw the jury of an accusation; without enough jurors the case is void. Anyone, from a
            48th of an epoch after the accusation.
    @param case An open accusation.
    """
    record: IAudits.Case = cases._need_state(case, cases.ACCUSATION, cases.OPEN)
    wait: uint256 = max(1, epochs.EPOCH_SECONDS // DRAW_PART)
    assert block.timestamp >= record.since + wait, "audits: too soon"
    assert not cases._is_after(record, DRAW), "audits: too late"
    cases.undrawn -= 1
    accuser: address = cases.case_by[case]
    jury: uint256 = seats._draw(case, record, accuser)
    if jury == 0:
        cases._close(case, record.assignment, cases.VOID, 0)
        purse._credit(accuser, fees._of_accusation())
    else:
        cases.jury_word[case] = jury
        cases._begin(case, record, cases.DRAWN)
        log IAudits.Drawn(case=case, jury=jury)


@external
def vote(case: uint256, place: uint256, commitment: bytes32):
    """
    @notice Commit to a vote. Wallet or provider of the juror's peer only, once.
    @param case A drawn accusation.
    @param place Which of the seven jurors, from 0.
    @param commitment keccak256(abi.encode(case, place, vote, salt)).
    """
    record: IAudits.Case = cases._need_state(case, cases.ACCUSATION, cases.DRAWN)
    assert not cases._is_after(record, VOTE), "audits: too late"
    peer: uint256 = seats._peer_of(self._seat(case, place))
    assert (
        msg.sender == subjects._provider(peer)
        or msg.sender == staticcall subjects.MARKET.wallet_of(peer)
    ), "audits: not the juror"
    cases._vote(case, place, commitment)


@external
def reveal(case: uint256, place: uint256, vote: bytes32, salt: bytes32):
    """
    @notice Reveal a vote. Anyone who knows it, once.
    @param case An accusation whose votes are shown.
    @param place Which of the seven jurors, from 0.
    @param vote 0 cannot tell, 1 false in itself, else the value that running it again gave.
    @param salt What the commitment was salted with.
    """
    record: IAudits.Case = cases._need_state(case, cases.ACCUSATION, cases.SHOWN)
    assert not cases._is_after(record, REVEAL), "audits: too late"
    assert place < JURY, "audits: not the juror"
    cases._reveal(case, place, vote, salt)


@internal
def _resolve(case: uint256, record: IAudits.Case):
    """
    @dev End the phase of an accusation: void if nobody drew its jury; else the votes are shown, then
         counted.
    """
    if record.state == cases.OPEN:
        assert cases._is_after(record, DRAW), "audits: too soon"
        cases.undrawn -= 1
        cases._close(case, record.assignment, cases.VOID, 0)
        purse._credit(cases.case_by[case], fees._of_accusation())
    elif record.state == cases.DRAWN:
        assert cases._is_after(record, VOTE), "audits: too soon"
        cases._begin(case, record, cases.SHOWN)
        log IAudits.Phase(case=case, state=cases.SHOWN)
    else:
        assert cases._is_after(record, REVEAL), "audits: too soon"
        self._conclude(case, record)


@internal
def _conclude(case: uint256, record: IAudits.Case):
    """
    @dev Count the votes, pay and fine the jurors, and do what they decided.
    """
    outcome: uint256 = 0
    spent: uint256 = 0
    outcome, spent = self._judge(case)
    accuser: address = cases.case_by[case]
    back: uint256 = fees._of_accusation() - spent
    seized: uint256 = 0
    if outcome == cases.CONVICTED:
        provider: address = empty(address)
        developer: address = empty(address)
        seized, provider, developer = extcall subjects.MARKET.convict(record.assignment)
        repaid: uint256 = min(spent, seized)
        back += repaid
        fees._share_out(accuser, developer, seized - repaid)
    elif outcome == cases.ACQUITTED:
        back -= fees.STAKE
        purse._credit(subjects._provider(record.peer), fees.STAKE)
    cases._close(case, record.assignment, outcome, seized)
    purse._credit(accuser, back)


@internal
def _judge(case: uint256) -> (uint256, uint256):
    """
    @dev Count the votes of a jury, pay those that voted so or, if nothing was decided, those that
         voted at all; fine those that were silent, and those that a clear majority contradicts.
    @return The outcome, and the fees that were paid.
    """
    revealed: uint256 = cases.revealed_word[case]
    claimed: bytes32 = cases.case_value[case]
    votes: DynArray[bytes32, JURY] = []
    for place: uint256 in range(JURY):
        is_revealed: bool = (revealed >> place) & 1 == 1
        votes.append(cases.vote_of[case][place] if is_revealed else empty(bytes32))
    winner: bytes32 = empty(bytes32)
    most: uint256 = 0
    for vote: bytes32 in votes:
        count: uint256 = 0
        for other: bytes32 in votes:
            if other == vote:
                count += 1
        if vote != empty(bytes32) and count > most:
            winner = vote
            most = count
    outcome: uint256 = cases.VOID
    if winner == claimed and most >= ACQUITTING:
        outcome = cases.ACQUITTED
    elif winner != claimed and most >= CONVICTING:
        outcome = cases.CONVICTED

    spent: uint256 = 0
    for place: uint256 in range(JURY):
        is_silent: bool = (revealed >> place) & 1 == 0
        is_winner: bool = votes[place] == winner
        is_lost: bool = most >= CONVICTING and not is_winner and votes[place] != empty(bytes32)
        provider: address = seats._dismiss(self._seat(case, place), is_silent or is_lost)
        if not is_silent and (is_winner or outcome == cases.VOID):
            purse._credit(provider, fees.JUROR_FEE)
            spent += fees.JUROR_FEE
    return outcome, spent


@internal
@view
def _seat(case: uint256, place: uint256) -> uint256:
    """
    @dev The seat of a juror.
    """
    assert place < JURY, "audits: not the juror"
    return (cases.jury_word[case] >> (32 * place)) & packing.MASK_32
