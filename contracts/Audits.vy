# pragma version 0.4.3
# pragma optimize codesize
# pragma nonreentrancy on
"""
@title Audits
@license Apache-2.0
@notice Makes peers answer for the roots that they committed to: asks that must be answered, papers
        that contradict each other, and juries that run a call again. A lie costs the bond.
@dev At least half of what is seized is burned, and a finder earns at most a fixed sum: nobody gains
     by convicting itself, or by framing a large peer. Money is FLT.
@custom:kill Nothing to switch off: there is no owner. Free balances can always be withdrawn.
"""

from .interfaces import IAudits
from .interfaces import IMarket
from .interfaces import IProofs
from .interfaces import IStaking
from .modules import cases
from .modules import contradictions
from .modules import epochs
from .modules import evidence
from .modules import packing
from .modules import purse
from .modules import seats
from .modules import subjects

initializes: epochs
initializes: purse
initializes: subjects[epochs := epochs]
initializes: cases[epochs := epochs]
initializes: seats[epochs := epochs, purse := purse, subjects := subjects]

exports: (
    cases.PHASE_BLOCKS,
    cases.case_by,
    cases.case_count,
    cases.case_of,
    cases.case_value,
    cases.case_word,
    cases.jury_word,
    cases.revealed_word,
    cases.undrawn,
    cases.vote_of,
    epochs.EPOCH_SECONDS,
    purse.TOKEN,
    purse.burned,
    purse.deposit,
    purse.free,
    purse.withdraw,
    seats.SEAT,
    seats.free_seat,
    seats.quit_seat,
    seats.seat_count,
    seats.seat_word,
    seats.take_seat,
    seats.taken_seats,
    subjects.MARKET,
    subjects.PROOFS,
)

JURY: constant(uint256) = seats.JURY
# Equal votes that convict or acquit. From CONVICTING on the others are fined: with fewer the honest
# may be the minority.
CONVICTING: constant(uint256) = 5
ACQUITTING: constant(uint256) = 4
# Epochs of the phases: of an ask, and of an accusation until it is drawn, voted on and revealed.
ANSWER: constant(uint256) = 3
DRAW: constant(uint256) = 1
VOTE: constant(uint256) = 2
REVEAL: constant(uint256) = 1
# A draw waits for this part of an epoch, so that nobody knows its seed at the accusation.
DRAW_PART: constant(uint256) = 48
# At least this many epochs must be left to challenge the latest commitment.
MAX_WINDOW: constant(uint256) = 3

ASK_FEE: public(immutable(uint256))
STAKE: public(immutable(uint256))
JUROR_FEE: public(immutable(uint256))
MIN_SEATS: public(immutable(uint256))
SHARE_CAP: public(immutable(uint256))


@deploy
def __init__(
    market: address,
    proofs: address,
    staking: address,
    epoch_seconds: uint256,
    phase_blocks: uint256,
    ask_fee: uint256,
    stake: uint256,
    juror_fee: uint256,
    seat: uint256,
    min_seats: uint256,
    share_cap: uint256,
):
    """
    @notice Fix every parameter for ever.
    @param market The Market whose assignments are judged.
    @param proofs The Proofs that keep the roots.
    @param staking The Staking that keeps the bonds; its delay must outlast every case.
    @param epoch_seconds Length of a billing period, as in Market.
    @param phase_blocks Blocks that must have passed too for each epoch of a case.
    @param ask_fee Fee of an ask; the provider earns it by an answer.
    @param stake What an accuser loses to the provider if the jury acquits.
    @param juror_fee Fee of each of the seven jurors.
    @param seat Stake of a juror's seat; a fine is a fifth of it.
    @param min_seats Seats without which nobody can be accused, at least seven.
    @param share_cap The most that the finder of a lie, and the developer, get of a bond.
    """
    window: uint256 = staticcall IProofs(proofs).WINDOW()
    epochs.__init__(epoch_seconds, window)
    assert window <= MAX_WINDOW, "audits: window too long"
    delay: uint256 = staticcall IStaking(staking).DELAY()
    assert delay >= (epochs.HOLD + 1) * epoch_seconds, "audits: stake leaves too soon"
    assert min_seats >= JURY, "audits: too few seats"
    purse.__init__(staticcall IStaking(staking).TOKEN())
    subjects.__init__(market, proofs)
    cases.__init__(phase_blocks)
    seats.__init__(seat)
    ASK_FEE = ask_fee
    STAKE = stake
    JUROR_FEE = juror_fee
    MIN_SEATS = min_seats
    SHARE_CAP = share_cap


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
    purse._spend(msg.sender, ASK_FEE)
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
    self._close(case, record.assignment, cases.ANSWERED, 0)
    purse._credit(subjects._provider(record.peer), ASK_FEE)


@external
def contradict(
    assignment: uint256,
    kind: uint256,
    summed: IAudits.Summed,
    called: IAudits.Called,
    other: IAudits.Summed,
    other_called: IAudits.Called,
    r: bytes32,
    vs: bytes32,
):
    """
    @notice Convict a peer by its own papers, at once; you earn a share of the bond. Anyone. What a
            kind does not need is not looked at.
    @param assignment The assignment.
    @param kind 1 false receipt, 2 broken link, 3 false head, 4 two summaries, 5 overlap of epochs,
           6 broken link of epochs, 7 signed receipt changed, 8 signed receipt left out.
    @param summed A summary of the assignment.
    @param called A receipt in it: kinds 1, 2, 3, 7.
    @param other Another summary: of the same epoch (4), of a later one (5, 6).
    @param other_called The receipt after `called` (2), the first one of `other` (6), or a receipt
           that the wallet signed, only its fields (7, 8).
    @param r First half of the wallet's compact signature over the head (7, 8).
    @param vs Second half of it.
    """
    summary: uint256[10] = summed.fields
    epoch: uint256 = summary[evidence.EPOCH]
    peer: uint256 = subjects._challenge(assignment, epoch)
    evidence._check_summed(summed, peer, epoch, assignment, subjects._root(peer, epoch))
    if kind in [
        contradictions.RECEIPT, contradictions.LINK, contradictions.HEAD, contradictions.CHANGED
    ]:
        evidence._check_called(called, summary)
    if kind in [
        contradictions.TWO_SUMMARIES, contradictions.OVERLAP, contradictions.LINK_OF_EPOCHS
    ]:
        later: uint256 = other.fields[evidence.EPOCH]
        evidence._check_summed(other, peer, later, assignment, subjects._root(peer, later))
    if kind in [contradictions.CHANGED, contradictions.LEFT_OUT]:
        assert (
            other_called.fields[evidence.CALL_ASSIGNMENT] == assignment
            and subjects._is_head(peer, other_called.fields, r, vs)
        ), "audits: wrong receipt"

    is_proven: bool = False
    if kind == contradictions.RECEIPT:
        is_proven = contradictions._is_false_receipt(
            summary, called.fields, called.place, epochs.EPOCH_SECONDS
        )
    elif kind == contradictions.LINK:
        evidence._check_called(other_called, summary)
        is_proven = (
            other_called.place == called.place + 1
            and convert(other_called.fields[evidence.PREVIOUS], bytes32)
            != evidence._receipt_hash(called.fields)
        )
    elif kind == contradictions.HEAD:
        is_proven = (
            called.place + 1 == summary[evidence.COUNT]
            and convert(summary[evidence.HEAD], bytes32)
            != evidence._receipt_hash(called.fields)
        )
    elif kind == contradictions.TWO_SUMMARIES:
        is_proven = other.fields[evidence.EPOCH] == epoch and keccak256(
            abi_encode(other.fields)
        ) != keccak256(abi_encode(summary))
    elif kind == contradictions.OVERLAP:
        is_proven = contradictions._is_overlap(summary, other.fields)
    elif kind == contradictions.LINK_OF_EPOCHS:
        evidence._check_called(other_called, other.fields)
        is_proven = other_called.place == 0 and contradictions._is_broken_link(
            summary, other.fields, other_called.fields
        )
    elif kind == contradictions.CHANGED:
        is_proven = contradictions._is_changed(called.fields, other_called.fields)
    elif kind == contradictions.LEFT_OUT:
        is_proven = contradictions._is_left_out(
            summary, other_called.fields, epochs.EPOCH_SECONDS
        )
    assert is_proven, "audits: no contradiction"

    seized: uint256 = 0
    provider: address = empty(address)
    developer: address = empty(address)
    seized, provider, developer = extcall subjects.MARKET.convict(assignment)
    self._share_out(msg.sender, developer, seized)
    log IAudits.Contradicted(assignment=assignment, by=msg.sender, kind=kind, seized=seized)


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
    purse._spend(msg.sender, STAKE + JURY * JUROR_FEE)
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
        self._close(case, record.assignment, cases.VOID, 0)
        purse._credit(accuser, STAKE + JURY * JUROR_FEE)
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


@external
def resolve(case: uint256):
    """
    @notice End the phase of a case whose time is over: silence convicts in an ask; in an accusation
            the votes are shown, then counted. Anyone.
    @param case A case that is not closed.
    """
    record: IAudits.Case = cases._load(case)
    assert record.kind != 0 and record.state != cases.CLOSED, "audits: not open"
    if record.kind == cases.ASK:
        assert cases._is_after(record, ANSWER), "audits: too soon"
        self._resolve_ask(case, record)
    elif record.state == cases.OPEN:
        assert cases._is_after(record, DRAW), "audits: too soon"
        cases.undrawn -= 1
        self._close(case, record.assignment, cases.VOID, 0)
        purse._credit(cases.case_by[case], STAKE + JURY * JUROR_FEE)
    elif record.state == cases.DRAWN:
        assert cases._is_after(record, VOTE), "audits: too soon"
        cases._begin(case, record, cases.SHOWN)
        log IAudits.Phase(case=case, state=cases.SHOWN)
    else:
        assert cases._is_after(record, REVEAL), "audits: too soon"
        self._resolve_accusation(case, record)


@external
def pack(seat: uint256):
    """
    @notice Move the last seat into an empty place, or give up the last place if it is empty. Anyone,
            while no accusation waits for its draw.
    @param seat An empty place.
    """
    assert cases.undrawn == 0, "audits: draw first"
    seats._pack(seat)


@internal
@view
def _asked(case: uint256) -> (uint256, uint256):
    """
    @dev Epoch and sequence of an ask.
    """
    question: uint256 = convert(cases.case_value[case], uint256)
    return question & packing.MASK_32, question >> 32


@internal
@view
def _seat(case: uint256, place: uint256) -> uint256:
    """
    @dev The seat of a juror.
    """
    assert place < JURY, "audits: not the juror"
    return (cases.jury_word[case] >> (32 * place)) & packing.MASK_32


@internal
def _close(case: uint256, assignment: uint256, outcome: uint256, seized: uint256):
    cases._close(case, outcome)
    log IAudits.Closed(case=case, assignment=assignment, outcome=outcome, seized=seized)


@internal
def _resolve_ask(case: uint256, record: IAudits.Case):
    """
    @dev Convict by silence, unless the root that should have been shown is no longer kept.
    """
    asker: address = cases.case_by[case]
    if subjects._root(record.peer, self._asked(case)[0]) == empty(bytes32):
        self._close(case, record.assignment, cases.VOID, 0)
    else:
        seized: uint256 = 0
        provider: address = empty(address)
        developer: address = empty(address)
        seized, provider, developer = extcall subjects.MARKET.convict(record.assignment)
        self._close(case, record.assignment, cases.CONVICTED, seized)
        self._share_out(asker, developer, seized)
    purse._credit(asker, ASK_FEE)


@internal
def _resolve_accusation(case: uint256, record: IAudits.Case):
    """
    @dev Count the votes, pay and fine the jurors, and do what they decided.
    """
    outcome: uint256 = 0
    fees: uint256 = 0
    outcome, fees = self._judge(case)
    accuser: address = cases.case_by[case]
    back: uint256 = STAKE + JURY * JUROR_FEE - fees
    seized: uint256 = 0
    if outcome == cases.CONVICTED:
        provider: address = empty(address)
        developer: address = empty(address)
        seized, provider, developer = extcall subjects.MARKET.convict(record.assignment)
        repaid: uint256 = min(fees, seized)
        back += repaid
        self._share_out(accuser, developer, seized - repaid)
    elif outcome == cases.ACQUITTED:
        back -= STAKE
        purse._credit(subjects._provider(record.peer), STAKE)
    self._close(case, record.assignment, outcome, seized)
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

    fees: uint256 = 0
    for place: uint256 in range(JURY):
        is_silent: bool = (revealed >> place) & 1 == 0
        is_winner: bool = votes[place] == winner
        is_lost: bool = most >= CONVICTING and not is_winner and votes[place] != empty(bytes32)
        provider: address = seats._dismiss(self._seat(case, place), is_silent or is_lost)
        if not is_silent and (is_winner or outcome == cases.VOID):
            purse._credit(provider, JUROR_FEE)
            fees += JUROR_FEE
    return outcome, fees


@internal
def _share_out(finder: address, developer: address, seized: uint256):
    """
    @dev A quarter of a bond for the finder and for the developer, up to the cap; the rest is burned.
    """
    # Rounds down: what is left over is burned.
    share: uint256 = min(seized // 4, SHARE_CAP)
    purse._credit(finder, share)
    purse._credit(developer, share)
    purse._burn(seized - 2 * share)
