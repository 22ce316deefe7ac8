"""Market, assignments: made, activated, ended, claimed, left out of a batch."""

from indexer.handlers.balances import credit, get_account
from indexer.handlers.market_deals import set_balance
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.events import Activated, Assigned, Claimed, Ended, Skipped
from wasmarket.kernel.reasons import EndKind
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
    scope.rows.add(
        AssignmentRow(
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
        )
    )


@ASSIGNMENTS.on(Activated)
def activated(scope: Scope, log: Log[Activated]) -> None:
    """A peer began to run an assignment."""
    event, epoch = log.event, Epoch(log.event.epoch)
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    assignment.state = AssignmentState.ACTIVE
    assignment.start, assignment.next, assignment.skipped = epoch, epoch, event.skipped
    deal = scope.rows.get(DealRow, event.deal)
    deal.rate = Amount(event.rate)
    set_balance(deal, event.balance, epoch)


@ASSIGNMENTS.on(Ended)
def ended(scope: Scope, log: Log[Ended]) -> None:
    """An assignment ended, and its units are the peer's again."""
    event = log.event
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    peer = scope.rows.get(PeerRow, event.peer)
    peer.used -= assignment.units
    deal = scope.rows.get(DealRow, event.deal)
    if event.kind != EndKind.RELEASED:
        # What is released was dead: the deal had lost its units before.
        deal.units -= assignment.units
    deal.rate = Amount(event.rate)
    set_balance(deal, event.balance, scope.epoch(log))

    ran = assignment.next is not None
    has_left = assignment.next is not None and event.end >= assignment.next
    assignment.state = AssignmentState.ENDED if has_left else AssignmentState.CLEARED
    assignment.end = Epoch(event.end) if ran else None
    assignment.ended_at = log.timestamp
    assignment.ended_kind, assignment.why = event.kind, Uint(event.why)


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
    if assignment.end is not None and event.last >= assignment.end:
        assignment.state = AssignmentState.CLEARED
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


@ASSIGNMENTS.on(Skipped)
def skipped(scope: Scope, log: Log[Skipped]) -> None:
    """A batch left out an id, which may be anything."""
    scope.rows.append(
        BatchSkipRow,
        block_number=log.block_number,
        log_index=log.log_index,
        tx_hash=log.tx_hash,
        assignment=Uint(log.event.assignment),
        reason=log.event.reason,
    )
