"""Read what ran in an epoch."""

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from wasmarket.kernel.billing import share
from wasmarket.store.chain.assignments import fetch_run_ends, fetch_settled
from wasmarket.store.enums import AssignmentState
from wasmarket.store.tables import AssignmentRow, CommitmentRow
from wasmarket.store.views import EpochView, Indexed


def fetch_epoch(session: Session, at: Indexed, epoch: int) -> EpochView:
    """Return an epoch's figures as of `at`; of one to come, what would run if nothing changed."""
    rows = session.scalars(
        select(AssignmentRow).where(
            AssignmentRow.start <= epoch,
            or_(AssignmentRow.end.is_(None), AssignmentRow.end >= epoch),
        )
    ).all()
    deals = fetch_settled(session, at, {row.deal for row in rows})
    runs = fetch_run_ends(session, deals)
    peers: set[int] = set()
    units = billed = count = 0
    for row in rows:
        end: int | None = row.end
        if row.state == AssignmentState.ACTIVE:
            terms = deals[row.deal].terms
            end = runs[row.deal, row.run] if row.run < terms.run else terms.end
        # Without an end it never ran to one: its only epoch was given back whole.
        if end is None or end < epoch:
            continue
        count += 1
        peers.add(row.peer)
        units += row.units
        rate = row.price * row.units
        billed += share(rate, row.skipped) if row.start == epoch else rate
    committed = session.scalar(
        select(func.count()).select_from(CommitmentRow).where(CommitmentRow.epoch == epoch)
    )
    return EpochView(
        epoch=epoch,
        start=epoch * at.epoch_seconds,
        end=(epoch + 1) * at.epoch_seconds,
        is_final=epoch <= at.final_epoch,
        committed=int(committed or 0),
        peers=len(peers),
        assignments=count,
        units=units,
        billed=billed,
    )
