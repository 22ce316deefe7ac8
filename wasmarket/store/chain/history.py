"""Read what happened to assignments: claims, vouchers, what matches and batches left out."""

from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, Hash
from wasmarket.store.audit_views import RedemptionView
from wasmarket.store.chain.state import Place
from wasmarket.store.tables import BatchSkipRow, ClaimRow, FillSkipRow, RedemptionRow
from wasmarket.store.views import BatchSkipView, ClaimView, FillSkipView


def fetch_claims(
    session: Session,
    *,
    deal: int | None = None,
    assignment: int | None = None,
    provider: Address | None = None,
    after: Place | None = None,
    limit: int | None = 100,
) -> list[ClaimView]:
    """Return claims in the order of the chain."""
    query = page_by_place(select(ClaimRow), ClaimRow, after, limit)
    for column, value in (
        (ClaimRow.deal, deal),
        (ClaimRow.assignment, assignment),
        (ClaimRow.provider, provider),
    ):
        if value is not None:
            query = query.where(column == value)
    return [view_claim(row) for row in session.scalars(query)]


def fetch_redemptions(
    session: Session,
    *,
    deal: int | None = None,
    assignment: int | None = None,
    after: Place | None = None,
    limit: int | None = 100,
) -> list[RedemptionView]:
    """Return redeemed vouchers in the order of the chain."""
    query = page_by_place(select(RedemptionRow), RedemptionRow, after, limit)
    if deal is not None:
        query = query.where(RedemptionRow.deal == deal)
    if assignment is not None:
        query = query.where(RedemptionRow.assignment == assignment)
    return [view_redemption(row) for row in session.scalars(query)]


def fetch_fill_skips(
    session: Session,
    *,
    deal: int | None = None,
    peer: int | None = None,
    tx_hash: Hash | None = None,
    after: Place | None = None,
    limit: int | None = 100,
) -> list[FillSkipView]:
    """Return refused fills in the order of the chain."""
    query = page_by_place(select(FillSkipRow), FillSkipRow, after, limit)
    for column, value in (
        (FillSkipRow.deal, deal),
        (FillSkipRow.peer, peer),
        (FillSkipRow.tx_hash, tx_hash),
    ):
        if value is not None:
            query = query.where(column == value)
    return [
        FillSkipView(row.block_number, row.log_index, row.tx_hash, row.deal, row.peer, row.reason)
        for row in session.scalars(query)
    ]


def fetch_batch_skips(
    session: Session,
    *,
    assignment: int | None = None,
    tx_hash: Hash | None = None,
    after: Place | None = None,
    limit: int | None = 100,
) -> list[BatchSkipView]:
    """Return ids that batches left out, in the order of the chain."""
    query = page_by_place(select(BatchSkipRow), BatchSkipRow, after, limit)
    if assignment is not None:
        query = query.where(BatchSkipRow.assignment == assignment)
    if tx_hash is not None:
        query = query.where(BatchSkipRow.tx_hash == tx_hash)
    return [
        BatchSkipView(row.block_number, row.log_index, row.tx_hash, row.assignment, row.reason)
        for row in session.scalars(query)
    ]


def view_claim(row: ClaimRow) -> ClaimView:
    """Return a row as a value."""
    return ClaimView(
        row.block_number,
        row.log_index,
        row.assignment,
        row.deal,
        row.provider,
        row.first,
        row.last,
        row.paid,
        row.refunded,
        row.timestamp,
        row.tx_hash,
    )


def view_redemption(row: RedemptionRow) -> RedemptionView:
    """Return a row as a value."""
    return RedemptionView(
        row.block_number,
        row.log_index,
        row.assignment,
        row.deal,
        row.provider,
        row.work,
        row.paid,
        row.owed,
        row.balance,
        row.timestamp,
        row.tx_hash,
    )


def page_by_place(
    query: Select[Any], kind: Any, after: Place | None, limit: int | None
) -> Select[Any]:
    """Return a query in the order of the chain, from behind a place on."""
    place = (kind.block_number, kind.log_index)
    query = query.order_by(*place).limit(limit)
    return query if after is None else query.where(tuple_(*place) > after)
