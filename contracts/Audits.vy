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
from .modules import accusations
from .modules import asks
from .modules import cases
from .modules import contradictions
from .modules import epochs
from .modules import evidence
from .modules import fees
from .modules import purse
from .modules import seats
from .modules import subjects

initializes: epochs
initializes: purse
initializes: subjects[epochs := epochs]
initializes: cases[epochs := epochs]
initializes: fees[purse := purse]
initializes: seats[epochs := epochs, purse := purse, subjects := subjects]
initializes: asks[cases := cases, fees := fees, purse := purse, subjects := subjects]
initializes: accusations[cases := cases, epochs := epochs, fees := fees, purse := purse, seats := seats, subjects := subjects]

exports: (
    accusations.MIN_SEATS,
    accusations.accuse,
    accusations.draw,
    accusations.reveal,
    accusations.vote,
    asks.answer,
    asks.ask,
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
    fees.ASK_FEE,
    fees.JUROR_FEE,
    fees.SHARE_CAP,
    fees.STAKE,
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

# At least this many epochs must be left to challenge the latest commitment.
MAX_WINDOW: constant(uint256) = 3


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
    purse.__init__(staticcall IStaking(staking).TOKEN())
    subjects.__init__(market, proofs)
    cases.__init__(phase_blocks)
    fees.__init__(ask_fee, stake, juror_fee, share_cap)
    seats.__init__(seat)
    accusations.__init__(min_seats)


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
            and convert(summary[evidence.HEAD], bytes32) != evidence._receipt_hash(called.fields)
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
        is_proven = contradictions._is_left_out(summary, other_called.fields, epochs.EPOCH_SECONDS)
    assert is_proven, "audits: no contradiction"

    seized: uint256 = 0
    provider: address = empty(address)
    developer: address = empty(address)
    seized, provider, developer = extcall subjects.MARKET.convict(assignment)
    fees._share_out(msg.sender, developer, seized)
    log IAudits.Contradicted(assignment=assignment, by=msg.sender, kind=kind, seized=seized)


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
        asks._resolve(case, record)
    else:
        accusations._resolve(case, record)


@external
def pack(seat: uint256):
    """
    @notice Move the last seat into an empty place, or give up the last place if it is empty. Anyone,
            while no accusation waits for its draw.
    @param seat An empty place.
    """
    assert cases.undrawn == 0, "audits: draw first"
    seats._pack(seat)
