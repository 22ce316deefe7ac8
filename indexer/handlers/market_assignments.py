"""Market, assignments: made, activated, ended, claimed, left out of a batch."""

from typing import Any

from indexer.handlers.balances import credit, get_account
from indexer.handlers.market_deals import is_metered, set_balance
from indexer.handlers.reputation import note, note_activation, note_end
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.audits.times import HOLD_EPOCHS
from wasmarket.kernel.events import Activated, Assigned, Claimed, Ended, Skipped
from wasmarket.kernel.reasons import BatchReason, EndKind
from wasmarket.kernel.reputation.kinds import ReputationKind
from wasmarket.kernel.units import Amount, AssignmentId, DealId, Epoch, PeerId
from wasmarket.store.enums import AssignmentState, Uint
from wasmarket.store.tables import AssignmentRow, BatchSkipRow, ClaimRow, DealRow, PeerRow

ASSIGNMENTS = Handlers()


@ASSIGNMENTS.on(Assigned)
def assigned(scope: Scope, log: Log[Assigned]) -> None:
    """Units of a peer were given to a deal, which the same match may only be making."""
    event = log.event
    deal = scope.rows.find(DealRow, event.deal)
    peer = scope.rows.get(PeerRow, event.peer)
    peer.used += event.units
    assignment = scope.rows.add(
        AssignmentRow,
        id=AssignmentId(event.assignment),
        deal=DealId(event.deal),
        peer=PeerId(event.peer),
        units=event.units,
        price=Amount(event.price),
        offer=event.offer,
        run=deal.run if deal else 0,
        state=AssignmentState.PENDING,
        assigned_block=log.block_number,
        assigned_at=log.timestamp,
        tx_hash=log.tx_hash,
        start=None,
        next=None,
        end=None,
        skipped=0,
        ended_at=None,
        ended_kind=None,
        why=None,
        paid=Amount(0),
        refunded=Amount(0),
        work=Uint(0),
        convicted=False,
    )
    note(scope, log, ReputationKind.ASSIGNED, assignment)


@ASSIGNMENTS.on(Activated)
def activated(scope: Scope, log: Log[Activated]) -> None:
    """A peer began to run an assignment."""
    event, epoch = log.event, Epoch(log.event.epoch)
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    deal = scope.rows.get(DealRow, event.deal)
    assignment.start, assignment.skipped = epoch, event.skipped
    if is_metered(deal):
        assignment.state = AssignmentState.METERED
    else:
        assignment.state, assignment.next = AssignmentState.ACTIVE, epoch
    deal.rate = Amount(event.rate)
    set_balance(deal, event.balance, epoch)
    note_activation(scope, log, assignment)


@ASSIGNMENTS.on(Ended)
def ended(scope: Scope, log: Log[Ended]) -> None:
    """An assignment ended, and its units are the peer's again."""
    event = log.event
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    peer = scope.rows.get(PeerRow, event.peer)
    peer.used -= assignment.units
    deal = scope.rows.get(DealRow, event.deal)
    if _held_units(event, assignment, deal, scope.epoch(log)):
        deal.units -= assignment.units
    deal.rate = Amount(event.rate)
    set_balance(deal, event.balance, scope.epoch(log))
    note_end(scope, log, assignment)

    if assignment.start is None or event.end < assignment.start:
        assignment.state = AssignmentState.CLEARED
    elif assignment.state == AssignmentState.METERED:
        assignment.state = AssignmentState.CLOSED
    else:
        assignment.state = AssignmentState.ENDED
    assignment.end = Epoch(event.end) if assignment.start is not None else None
    assignment.ended_at = log.timestamp
    assignment.ended_kind, assignment.why = event.kind, Uint(event.why)


def _held_units(event: Ended, assignment: AssignmentRow, deal: DealRow, epoch: int) -> bool:
    """Whether the deal had its units until now; one that lapsed or is over lost them before."""
    if event.kind == EndKind.CONVICTED:
        return assignment.run == deal.run and not deal.stopped and epoch <= deal.end
    return event.kind != EndKind.RELEASED


@ASSIGNMENTS.on(Claimed)
def claimed(scope: Scope, log: Log[Claimed]) -> None:
    """Final epochs were paid to the provider or given back to the developer."""
    event = log.event
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    deal = scope.rows.get(DealRow, assignment.deal)
    credit(scope.rows, event.provider, event.paid)
    if event.paid:
        provider = get_account(scope.rows, event.provider)
        provider.earned = Amount(provider.earned + event.paid)
    credit(scope.rows, deal.developer, event.refunded)
    first = assignment.next
    assignment.next = Epoch(event.last + 1)
    assignment.paid = Amount(assignment.paid + event.paid)
    assignment.refunded = Amount(assignment.refunded + event.refunded)
    _clear_if_over(scope, log, assignment)
    scope.rows.append(
        ClaimRow,
        block_number=log.block_number,
        log_index=log.log_index,
        assignment=assignment.id,
        deal=deal.id,
        provider=event.provider,
        first=first,
        last=Epoch(event.last),
        paid=Amount(event.paid),
        refunded=Amount(event.refunded),
        timestamp=log.timestamp,
        tx_hash=log.tx_hash,
    )
    note(
        scope,
        log,
        ReputationKind.CLAIMED,
        assignment,
        paid=event.paid,
        refunded=event.refunded,
    )


@ASSIGNMENTS.on(Skipped)
def skipped(scope: Scope, log: Log[Skipped]) -> None:
    """A batch left out an id, which may be anything."""
    if log.event.reason == BatchReason.NOTHING_FINAL:
        assignment = scope.rows.find(AssignmentRow, log.event.assignment)
        if assignment is not None:
            _clear_if_over(scope, log, assignment)
    scope.rows.append(
        BatchSkipRow,
        block_number=log.block_number,
        log_index=log.log_index,
        tx_hash=log.tx_hash,
        assignment=Uint(log.event.assignment),
        reason=log.event.reason,
    )


def _clear_if_over(scope: Scope, log: Log[Any], assignment: AssignmentRow) -> None:
    """Note that the contract forgets what is claimed whole and can be convicted no more."""
    end, next_ = assignment.end, assignment.next
    if assignment.state != AssignmentState.ENDED or end is None or next_ is None:
        return
    if next_ > end and scope.epoch(log) > end + HOLD_EPOCHS:
        assignment.state = AssignmentState.CLEARED
