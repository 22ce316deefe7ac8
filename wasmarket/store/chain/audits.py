"""Read what Audits did: cases, contradictions, votes, seats, money."""

from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.audits.juries import unpack_jury
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.audit_views import CaseView, ContradictionView, SeatView
from wasmarket.store.chain.state import Place
from wasmarket.store.tables import (
    AuditAccountRow,
    CaseRow,
    ContradictionRow,
    SeatRow,
    VoteRow,
)


def fetch_case(session: Session, case: int) -> CaseView:
    """Return one case. Raises NotFound."""
    row = session.get(CaseRow, case)
    if row is None:
        raise NotFound(f"there is no case {case}", field="case")
    return _case(row)


def fetch_cases(
    session: Session,
    *,
    assignment: int | None = None,
    by: Address | None = None,
    state: int | None = None,
    after: int = 0,
    limit: int | None = 100,
) -> list[CaseView]:
    """Return cases by number."""
    query = select(CaseRow).where(CaseRow.id > after).order_by(CaseRow.id).limit(limit)
    wanted: tuple[tuple[Any, Any], ...] = (
        (CaseRow.assignment, assignment),
        (CaseRow.by, by),
        (CaseRow.state, state),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return [_case(row) for row in session.scalars(query)]


def fetch_contradictions(
    session: Session,
    *,
    assignment: int | None = None,
    after: Place | None = None,
    limit: int | None = 100,
) -> list[ContradictionView]:
    """Return contradictions in the order of the chain."""
    place = (ContradictionRow.block_number, ContradictionRow.log_index)
    query = select(ContradictionRow).order_by(*place).limit(limit)
    if assignment is not None:
        query = query.where(ContradictionRow.assignment == assignment)
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return [
        ContradictionView(
            row.block_number,
            row.log_index,
            row.assignment,
            row.by,
            row.kind,
            row.seized,
            row.timestamp,
            row.tx_hash,
        )
        for row in session.scalars(query)
    ]


def fetch_votes(session: Session, case: int) -> dict[int, Hash | None]:
    """Return by place in the jury what was voted; None: committed and not shown yet."""
    query = select(VoteRow.place, VoteRow.vote).where(VoteRow.case == case).order_by(VoteRow.place)
    return {int(place): vote for place, vote in session.execute(query)}


def fetch_seats(session: Session, *, peer: int | None = None) -> list[SeatView]:
    """Return the places of jurors that are not empty, by number."""
    query = select(SeatRow).where(SeatRow.peer > 0).order_by(SeatRow.id)
    if peer is not None:
        query = query.where(SeatRow.peer == peer)
    return [
        SeatView(row.id, row.peer, row.since, row.quit, row.fines) for row in session.scalars(query)
    ]


def fetch_audit_free(session: Session, account: Address) -> int:
    """Return the FLT that an account could withdraw from Audits."""
    row = session.get(AuditAccountRow, account)
    return row.free if row else 0


def _case(row: CaseRow) -> CaseView:
    return CaseView(
        id=row.id,
        kind=row.kind,
        state=row.state,
        assignment=row.assignment,
        by=row.by,
        epoch=row.epoch,
        sequence=row.sequence,
        receipt=row.receipt,
        jury=None if row.jury is None else unpack_jury(row.jury),
        outcome=row.outcome,
        seized=row.seized,
        opened_block=row.opened_block,
        opened_at=row.opened_at,
        moved_at=row.moved_at,
        tx_hash=row.tx_hash,
    )
