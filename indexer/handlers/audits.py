"""Audits: cases, contradictions, seats, votes, money."""

from indexer.handlers.reputation import note
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel import units
from wasmarket.kernel.events import (
    Balance,
    Closed,
    Contradicted,
    Drawn,
    Opened,
    Phase,
    Revealed,
    Seat,
    Voted,
)
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome, CaseState
from wasmarket.kernel.reputation.kinds import ReputationKind, kind_of_outcome
from wasmarket.kernel.units import AssignmentId, Epoch, PeerId, Timestamp
from wasmarket.store.enums import AssignmentState, Uint
from wasmarket.store.tables import (
    AssignmentRow,
    AuditAccountRow,
    CaseRow,
    ContradictionRow,
    SeatRow,
    VoteRow,
)

AUDITS = Handlers()


@AUDITS.on(Balance)
def balance(scope: Scope, log: Log[Balance]) -> None:
    """An account's money in Audits changed."""
    row = scope.rows.find(AuditAccountRow, log.event.account)
    if row is None:
        row = scope.rows.add(AuditAccountRow, account=log.event.account)
    row.free = units.Stake(log.event.free)


@AUDITS.on(Opened)
def opened(scope: Scope, log: Log[Opened]) -> None:
    """An ask or an accusation began."""
    event = log.event
    scope.rows.add(
        CaseRow,
        id=event.case,
        kind=event.kind,
        state=CaseState.OPEN,
        assignment=AssignmentId(event.assignment),
        by=event.by,
        epoch=Epoch(event.epoch),
        sequence=Uint(event.sequence),
        receipt=event.receipt,
        jury=None,
        outcome=None,
        seized=None,
        opened_block=log.block_number,
        opened_at=log.timestamp,
        moved_at=log.timestamp,
        tx_hash=log.tx_hash,
    )
    is_ask = event.kind == CaseKind.ASK
    kind = ReputationKind.ASKED if is_ask else ReputationKind.ACCUSED
    note(scope, log, kind, scope.rows.get(AssignmentRow, event.assignment))


@AUDITS.on(Drawn)
def drawn(scope: Scope, log: Log[Drawn]) -> None:
    """A jury was drawn."""
    case = scope.rows.get(CaseRow, log.event.case)
    case.state, case.jury, case.moved_at = CaseState.DRAWN, Uint(log.event.jury), log.timestamp


@AUDITS.on(Phase)
def phase(scope: Scope, log: Log[Phase]) -> None:
    """A case went on."""
    case = scope.rows.get(CaseRow, log.event.case)
    case.state, case.moved_at = log.event.state, log.timestamp


@AUDITS.on(Voted)
def voted(scope: Scope, log: Log[Voted]) -> None:
    """A juror committed its vote."""
    scope.rows.add(VoteRow, case=log.event.case, place=log.event.place, vote=None)


@AUDITS.on(Revealed)
def revealed(scope: Scope, log: Log[Revealed]) -> None:
    """A juror showed its vote."""
    scope.rows.get(VoteRow, log.event.case, log.event.place).vote = log.event.vote


@AUDITS.on(Closed)
def closed(scope: Scope, log: Log[Closed]) -> None:
    """A case is over; a late answer may close one that was never touched."""
    event = log.event
    case = scope.rows.get(CaseRow, event.case)
    case.state, case.outcome, case.moved_at = CaseState.CLOSED, event.outcome, log.timestamp
    case.seized = units.Stake(event.seized)
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    kind = kind_of_outcome(event.outcome)
    note(scope, log, kind, assignment, reason=case.kind, seized=event.seized)
    if event.outcome == CaseOutcome.CONVICTED:
        _convict(scope, assignment)


@AUDITS.on(Contradicted)
def contradicted(scope: Scope, log: Log[Contradicted]) -> None:
    """A peer was convicted by its own words."""
    event = log.event
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    _convict(scope, assignment)
    kind = ReputationKind.CONTRADICTED
    note(scope, log, kind, assignment, reason=event.kind, seized=event.seized)
    scope.rows.append(
        ContradictionRow,
        block_number=log.block_number,
        log_index=log.log_index,
        assignment=AssignmentId(event.assignment),
        by=event.by,
        kind=event.kind,
        seized=units.Stake(event.seized),
        timestamp=log.timestamp,
        tx_hash=log.tx_hash,
    )


@AUDITS.on(Seat)
def seat(scope: Scope, log: Log[Seat]) -> None:
    """A place of the jurors was taken, left, fined, emptied or filled from the last one."""
    event = log.event
    row = scope.rows.find(SeatRow, event.seat)
    if row is None:
        row = scope.rows.add(SeatRow, id=event.seat)
    row.peer, row.since, row.quit = (
        PeerId(event.peer),
        Timestamp(event.since),
        Timestamp(event.quit),
    )
    row.fines = event.fines


def _convict(scope: Scope, assignment: AssignmentRow) -> None:
    """Market has seized the bond and forgotten the record, if it still had one."""
    scope.resized.pop(assignment.peer, None)
    gone = (AssignmentState.PENDING, AssignmentState.CLEARED)
    if assignment.state not in gone:
        assignment.state, assignment.convicted = AssignmentState.CLEARED, True
