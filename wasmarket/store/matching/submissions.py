"""Keep every transaction of the matcher from before it is sent."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import BlockNumber, Hash, Timestamp
from wasmarket.store.enums import SubmissionState
from wasmarket.store.matching.views import SubmissionView
from wasmarket.store.tables import SubmissionRow

OPEN = (SubmissionState.SIGNED, SubmissionState.SENT)


def record_submission(
    session: Session,
    *,
    tx_hash: Hash,
    raw: bytes,
    nonce: int,
    purpose: str,
    offer: Hash | None = None,
    match: int | None = None,
    created_at: Timestamp,
) -> None:
    """Keep a signed transaction before it is sent; a known one stays as it is."""
    if session.scalar(select(SubmissionRow.id).where(SubmissionRow.tx_hash == tx_hash)) is not None:
        return
    session.add(
        SubmissionRow(
            tx_hash=tx_hash,
            raw="0x" + raw.hex(),
            nonce=nonce,
            purpose=purpose,
            offer=offer,
            match=match,
            state=SubmissionState.SIGNED,
            reason=None,
            created_at=created_at,
            block_number=None,
        )
    )
    session.flush()


def set_submission_state(
    session: Session,
    tx_hash: Hash,
    state: SubmissionState,
    *,
    reason: str | None = None,
    block_number: BlockNumber | None = None,
) -> None:
    """Record how far a transaction has come. Raises NotFound."""
    changed = session.execute(
        update(SubmissionRow)
        .where(SubmissionRow.tx_hash == tx_hash)
        .values(state=state, reason=reason, block_number=block_number)
        .returning(SubmissionRow.id)
    ).all()
    if not changed:
        raise NotFound(f"there is no submission {tx_hash}", field="tx_hash")


def fetch_open_submissions(session: Session) -> list[SubmissionView]:
    """Return what was signed or sent and is not known to be mined or lost, by nonce."""
    query = (
        select(SubmissionRow)
        .where(SubmissionRow.state.in_(OPEN))
        .order_by(SubmissionRow.nonce, SubmissionRow.id)
    )
    return [_view(row) for row in session.scalars(query)]


def fetch_submissions(
    session: Session, *, offer: Hash | None = None, after: int = 0, limit: int | None = 100
) -> list[SubmissionView]:
    """Return submissions in order of signing."""
    query = (
        select(SubmissionRow)
        .where(SubmissionRow.id > after)
        .order_by(SubmissionRow.id)
        .limit(limit)
    )
    if offer is not None:
        query = query.where(SubmissionRow.offer == offer)
    return [_view(row) for row in session.scalars(query)]


def _view(row: SubmissionRow) -> SubmissionView:
    return SubmissionView(
        id=row.id,
        tx_hash=row.tx_hash,
        raw=bytes.fromhex(row.raw[2:]),
        nonce=row.nonce,
        purpose=row.purpose,
        offer=row.offer,
        match=row.match,
        state=SubmissionState(row.state),
        reason=row.reason,
        created_at=row.created_at,
        block_number=row.block_number,
    )
