"""Read deals, settled as of a block, and their history."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.billing import DealStatus, Settlement, last_funded, runway, settle, status
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.assignments import alive_of_deals, fetch_run_ends, terms_of
from wasmarket.store.chain.state import Place, batches
from wasmarket.store.enums import DealChangeKind
from wasmarket.store.tables import DealChangeRow, DealRow
from wasmarket.store.views import DealChangeView, DealView, Indexed


def fetch_deal(session: Session, at: Indexed, deal: int) -> DealView:
    """Return one deal. Raises NotFound."""
    row = session.get(DealRow, deal)
    if row is None:
        raise NotFound(
            f"there is no deal {deal}",
            field="deal",
            remedy="take one of the list of deals; a new one is there with its block",
        )
    return _views(session, at, [row])[0]


def fetch_deals(
    session: Session,
    at: Indexed,
    *,
    developer: Address | None = None,
    app: Hash | None = None,
    live_only: bool = False,
    after: int = 0,
    limit: int | None = 100,
) -> list[DealView]:
    """Return deals by id; `live_only` leaves out those that have ended or are stopping."""
    query = select(DealRow).where(DealRow.id > after).order_by(DealRow.id).limit(limit)
    if developer is not None:
        query = query.where(DealRow.developer == developer)
    if app is not None:
        query = query.where(DealRow.app == app)
    if live_only:
        query = query.where(text("NOT deal.stopped"), DealRow.end >= at.epoch)
    return _views(session, at, session.scalars(query).all())


def fetch_newest_live_deals(
    session: Session, at: Indexed, *, since: int, before: int | None, limit: int
) -> list[DealView]:
    """Return live deals made since a time, the newest first; `before`: only of lower numbers."""
    query = (
        select(DealRow)
        .where(text("NOT deal.stopped"), DealRow.end >= at.epoch, DealRow.created_at >= since)
        .order_by(DealRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(DealRow.id < before)
    return _views(session, at, session.scalars(query).all())


def fetch_deals_by_id(session: Session, at: Indexed, ids: Sequence[int]) -> dict[int, DealView]:
    """Return the deals that exist of these."""
    rows = [
        row
        for batch in batches(ids)
        for row in session.scalars(select(DealRow).where(DealRow.id.in_(batch)))
    ]
    return {view.id: view for view in _views(session, at, rows)}


def fetch_deal_of_offer(
    session: Session, at: Indexed, hash: Hash, developer: Address | None = None
) -> DealView | None:
    """Return the deal that an offer made, None before its first match."""
    query = select(DealRow).where(DealRow.offer == hash).order_by(DealRow.id)
    if developer is not None:
        query = query.where(DealRow.developer == developer)
    row = session.scalars(query).first()
    return None if row is None else _views(session, at, [row])[0]


VERSIONS: Final = (DealChangeKind.CREATED, DealChangeKind.APP)
"""Changes that name an app."""


def fetch_deal_changes(
    session: Session,
    deal: int,
    *,
    kinds: Sequence[DealChangeKind] = (),
    after: Place | None = None,
    limit: int | None = 100,
) -> list[DealChangeView]:
    """Return a deal's history in the order of the chain; of some `kinds` only, where given."""
    place = (DealChangeRow.block_number, DealChangeRow.log_index)
    query = select(DealChangeRow).where(DealChangeRow.deal == deal).order_by(*place).limit(limit)
    if kinds:
        query = query.where(DealChangeRow.kind.in_(kinds))
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return [view_change(row) for row in session.scalars(query)]


def view_change(row: DealChangeRow) -> DealChangeView:
    """Return a row as a value."""
    return DealChangeView(
        row.block_number,
        row.log_index,
        DealChangeKind(row.kind),
        row.timestamp,
        row.tx_hash,
        row.by,
        row.amount,
        row.balance,
        row.units,
        row.app,
        row.deal,
    )


def _views(session: Session, at: Indexed, rows: Sequence[DealRow]) -> list[DealView]:
    settled: dict[int, Settlement] = {row.id: settle(terms_of(row), at.epoch) for row in rows}
    runs = fetch_run_ends(session, settled)
    alive = alive_of_deals(session, at, settled)
    views = []
    for row in rows:
        terms = settled[row.id].terms
        state = status(terms, at.epoch)
        is_running = state == DealStatus.RUNNING
        views.append(
            DealView(
                id=row.id,
                developer=row.developer,
                offer=row.offer,
                app=row.app,
                version=row.version,
                deposit=row.deposit,
                balance=terms.balance,
                rate=terms.rate,
                settled=terms.settled,
                end=terms.end,
                units=terms.units,
                run=terms.run,
                stopped=terms.stopped,
                status=state,
                runway=runway(terms) if is_running else 0,
                last_funded=last_funded(terms, at.epoch) if is_running else None,
                lapsed_at=runs.get((row.id, terms.run - 1)),
                created_block=row.created_block,
                created_at=row.created_at,
                tx_hash=row.tx_hash,
                meter=row.meter,
                live=tuple(alive[row.id]),
            )
        )
    return views
