"""Market, deals: made, matched, lapsed, topped up, taken from, stopped, updated."""

from typing import Any

from indexer.handlers.balances import credit, spend
from indexer.scope import Handlers, Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import settle
from wasmarket.kernel.events import (
    AppChanged,
    DealBalance,
    DealCreated,
    FillSkipped,
    Lapsed,
    Matched,
    Stopped,
)
from wasmarket.kernel.units import Address, Amount, DealId, Epoch, Hash
from wasmarket.store.chain.assignments import terms_of
from wasmarket.store.enums import DealChangeKind, Uint
from wasmarket.store.tables import DealChangeRow, DealRow, FillSkipRow, RunEndRow

DEALS = Handlers()


@DEALS.on(FillSkipped)
def fill_skipped(scope: Scope, log: Log[FillSkipped]) -> None:
    """A fill of a match was refused; its peer number may be anything."""
    scope.rows.append(
        FillSkipRow,
        block_number=log.block_number,
        log_index=log.log_index,
        tx_hash=log.tx_hash,
        deal=DealId(log.event.deal),
        peer=Uint(log.event.peer),
        reason=log.event.reason,
    )


@DEALS.on(DealCreated)
def deal_created(scope: Scope, log: Log[DealCreated]) -> None:
    """A developer offer became a deal, and its deposit was spent."""
    event, epoch = log.event, scope.epoch(log)
    deal = scope.rows.add(
        DealRow,
        id=DealId(event.deal),
        developer=event.developer,
        offer=event.offer,
        app=event.app,
        version=1,
        deposit=Amount(event.deposit),
        balance=Amount(event.deposit),
        rate=Amount(0),
        settled=epoch,
        end=Epoch(event.end),
        units=0,
        run=0,
        stopped=False,
        meter=event.meter,
        created_block=log.block_number,
        created_at=log.timestamp,
        tx_hash=log.tx_hash,
    )
    spend(scope.rows, event.developer, event.deposit)
    _note(
        scope,
        log,
        deal,
        DealChangeKind.CREATED,
        by=event.developer,
        amount=event.deposit,
        app=event.app,
    )


@DEALS.on(Matched)
def matched(scope: Scope, log: Log[Matched]) -> None:
    """A match is complete: the deal's units, and the tip from developer to caller."""
    event = log.event
    deal = scope.rows.get(DealRow, event.deal)
    bill(deal, scope.epoch(log))
    deal.units = event.units
    if event.tip:
        spend(scope.rows, deal.developer, event.tip)
        credit(scope.rows, event.caller, event.tip)
    _note(
        scope,
        log,
        deal,
        DealChangeKind.MATCHED,
        by=event.caller,
        amount=event.tip,
        units=event.units,
    )


@DEALS.on(Lapsed)
def lapsed(scope: Scope, log: Log[Lapsed]) -> None:
    """A run of funded epochs ended with `last`; the contract noticed only now."""
    event = log.event
    deal = scope.rows.get(DealRow, event.deal)
    deal.run, deal.rate, deal.units = event.run + 1, Amount(0), 0
    set_balance(deal, event.balance, scope.epoch(log))
    scope.rows.append(
        RunEndRow,
        deal=deal.id,
        run=event.run,
        last=Epoch(event.last),
        block_number=log.block_number,
    )
    _note(scope, log, deal, DealChangeKind.LAPSED)


@DEALS.on(DealBalance)
def deal_balance(scope: Scope, log: Log[DealBalance]) -> None:
    """Somebody topped the deal up, or its developer took money out."""
    event, epoch = log.event, scope.epoch(log)
    deal = scope.rows.get(DealRow, event.deal)
    bill(deal, epoch)
    added = event.balance - deal.balance
    if added >= 0:
        spend(scope.rows, event.by, added)
    else:
        credit(scope.rows, event.by, -added)
    set_balance(deal, event.balance, epoch)
    kind = DealChangeKind.TOPPED_UP if added >= 0 else DealChangeKind.TAKEN
    _note(scope, log, deal, kind, by=event.by, amount=abs(added))


@DEALS.on(Stopped)
def stopped(scope: Scope, log: Log[Stopped]) -> None:
    """The developer stopped the deal: of a reserved one the rest is free money at once."""
    event = log.event
    deal = scope.rows.get(DealRow, event.deal)
    deal.rate, deal.units, deal.end, deal.stopped = Amount(0), 0, Epoch(event.end), True
    left = deal.balance if is_metered(deal) else 0
    set_balance(deal, left, scope.epoch(log))
    credit(scope.rows, deal.developer, event.returned)
    _note(
        scope,
        log,
        deal,
        DealChangeKind.STOPPED,
        by=deal.developer,
        amount=event.returned,
    )


@DEALS.on(AppChanged)
def app_changed(scope: Scope, log: Log[AppChanged]) -> None:
    """The developer updated what runs."""
    deal = scope.rows.get(DealRow, log.event.deal)
    deal.app, deal.version = log.event.app, deal.version + 1
    _note(scope, log, deal, DealChangeKind.APP, by=deal.developer, app=log.event.app)


def set_balance(deal: DealRow, balance: int, epoch: int) -> None:
    """Record a balance that the contract gave, settled at `epoch`."""
    deal.balance = Amount(balance)
    deal.settled = Epoch(max(deal.settled, min(epoch, deal.end)))


def bill(deal: DealRow, epoch: int) -> None:
    """Settle the row as the contract settled its own before it emitted the event.

    A lapse has its own event, which came before: here it can only be billed, never lapse.
    """
    set_balance(deal, settle(terms_of(deal), epoch).terms.balance, epoch)


def is_metered(deal: DealRow) -> bool:
    """Whether signed usage is paid, not time."""
    return deal.meter != ZERO_ADDRESS


def _note(
    scope: Scope,
    log: Log[Any],
    deal: DealRow,
    kind: DealChangeKind,
    *,
    by: Address | None = None,
    amount: int = 0,
    units: int | None = None,
    app: Hash | None = None,
) -> None:
    """Add a line to the deal's history."""
    scope.rows.append(
        DealChangeRow,
        block_number=log.block_number,
        log_index=log.log_index,
        deal=deal.id,
        kind=kind,
        timestamp=log.timestamp,
        tx_hash=log.tx_hash,
        by=by,
        amount=Amount(amount),
        balance=deal.balance,
        units=units,
        app=app,
    )
