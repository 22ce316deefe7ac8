"""Meter: vouchers that were redeemed. What it skips is as with Market's batches."""

from indexer.handlers.balances import credit, get_account
from indexer.handlers.market_deals import set_balance
from indexer.handlers.reputation import note
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.events import Redeemed
from wasmarket.kernel.reputation.kinds import ReputationKind
from wasmarket.kernel.units import Amount
from wasmarket.store.enums import Uint
from wasmarket.store.tables import AssignmentRow, DealRow, PeerRow, RedemptionRow

METERING = Handlers()


@METERING.on(Redeemed)
def redeemed(scope: Scope, log: Log[Redeemed]) -> None:
    """A voucher was paid out of the deal's balance into the provider's free money."""
    event = log.event
    assignment = scope.rows.get(AssignmentRow, event.assignment)
    peer = scope.rows.get(PeerRow, assignment.peer)
    deal = scope.rows.get(DealRow, event.deal)
    set_balance(deal, event.balance, scope.epoch(log))
    credit(scope.rows, peer.provider, event.paid)
    provider = get_account(scope.rows, peer.provider)
    provider.earned = Amount(provider.earned + event.paid)
    assignment.paid = Amount(assignment.paid + event.paid)
    assignment.work = Uint(max(assignment.work, event.work))
    scope.rows.append(
        RedemptionRow,
        block_number=log.block_number,
        log_index=log.log_index,
        assignment=assignment.id,
        deal=deal.id,
        provider=peer.provider,
        work=Uint(event.work),
        paid=Amount(event.paid),
        owed=Amount(event.owed),
        balance=Amount(event.balance),
        timestamp=log.timestamp,
        tx_hash=log.tx_hash,
    )
    note(scope, log, ReputationKind.REDEEMED, assignment, paid=event.paid)
