"""The outbox of notices to peers: written with what caused them, sent later, tried again."""

import json
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import AssignmentId, Hash
from wasmarket.store.enums import NoticeState
from wasmarket.store.matching.views import NoticeDraft, NoticeView
from wasmarket.store.tables import AssignmentRow, NoticeRow, PeerRow


def add_notices(session: Session, drafts: Iterable[NoticeDraft], now: int) -> None:
    """Put notices into the outbox, due at once; a known (assignment, tx) stays as it is."""
    for draft in drafts:
        if session.get(NoticeRow, (draft.assignment, draft.tx)) is None:
            session.add(
                NoticeRow(
                    assignment=draft.assignment,
                    tx=draft.tx,
                    deal=draft.deal,
                    block_number=draft.block,
                    sources=json.dumps(draft.sources),
                    state=NoticeState.WAITING,
                    attempts=0,
                    next_at=now,
                    error=None,
                )
            )
    session.flush()


def fetch_due_notices(session: Session, now: int, limit: int = 100) -> list[NoticeView]:
    """Return waiting notices whose time has come and whose assignment is indexed, oldest first."""
    query = (
        select(NoticeRow, PeerRow.endpoint)
        .join(AssignmentRow, AssignmentRow.id == NoticeRow.assignment)
        .join(PeerRow, PeerRow.id == AssignmentRow.peer)
        .where(NoticeRow.state == NoticeState.WAITING, NoticeRow.next_at <= now)
        .order_by(NoticeRow.next_at, NoticeRow.assignment)
        .limit(limit)
    )
    return [
        NoticeView(
            assignment=row.assignment,
            deal=row.deal,
            block=row.block_number,
            tx=row.tx,
            sources=tuple(json.loads(row.sources)),
            state=NoticeState(row.state),
            attempts=row.attempts,
            next_at=row.next_at,
            error=row.error,
            endpoint=endpoint,
        )
        for row, endpoint in session.execute(query)
    ]


def mark_notice(
    session: Session,
    assignment: AssignmentId,
    tx: Hash,
    state: NoticeState,
    *,
    error: str | None = None,
    next_at: int = 0,
) -> None:
    """Record an attempt to send; WAITING tries again at `next_at`. Raises NotFound."""
    row = session.get(NoticeRow, (assignment, tx))
    if row is None:
        raise NotFound(f"there is no notice of assignment {assignment}", field="assignment")
    row.state, row.error, row.next_at = state, error, next_at
    row.attempts += 1
    session.flush()
