"""Keep which assignments their developers want replaced before they drop them."""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import AssignmentId, DealId, Timestamp
from wasmarket.store.chain.state import batches
from wasmarket.store.matching.offers import touch_offer
from wasmarket.store.tables import DealRow, ReplacementRow


def add_replacement(
    session: Session,
    assignment: int,
    deal: int,
    now: Timestamp,
    proof: Mapping[str, str] | None = None,
) -> bool:
    """Keep a wish; return whether it is new. One that was withdrawn counts again.

    `proof` is the request that its developer signed.
    """
    row = session.get(ReplacementRow, assignment)
    if row is not None and not row.withdrawn:
        return False
    if row is None:
        row = ReplacementRow(assignment=AssignmentId(assignment), deal=DealId(deal))
        session.add(row)
    row.requested_at, row.withdrawn = now, False
    row.proof = None if proof is None else json.dumps(proof)
    _touch(session, deal)
    return True


def withdraw_replacement(session: Session, assignment: int) -> bool:
    """Forget a wish; return whether there was one."""
    row = session.get(ReplacementRow, assignment)
    if row is None or row.withdrawn:
        return False
    row.withdrawn = True
    _touch(session, row.deal)
    return True


def _touch(session: Session, deal: int) -> None:
    session.flush()
    row = session.get(DealRow, deal)
    if row is not None:
        touch_offer(session, row.offer)


def fetch_wishes(session: Session, deals: Iterable[int]) -> dict[int, dict[int, int]]:
    """Return by deal which assignments are to be replaced, and since when (chain time)."""
    found: dict[int, dict[int, int]] = {}
    for batch in batches(deals):
        query = (
            select(ReplacementRow.deal, ReplacementRow.assignment, ReplacementRow.requested_at)
            .where(ReplacementRow.deal.in_(batch), ReplacementRow.withdrawn.is_(False))
            .order_by(ReplacementRow.assignment)
        )
        for deal, assignment, since in session.execute(query):
            found.setdefault(deal, {})[assignment] = since
    return found


def fetch_replacement_proofs(
    session: Session, assignments: Iterable[int]
) -> dict[int, dict[str, str]]:
    """Return by assignment the request that asked for its replacement, where one was kept."""
    row = ReplacementRow
    return {
        assignment: json.loads(proof or "null")
        for batch in batches(assignments)
        for assignment, proof in session.execute(
            select(row.assignment, row.proof).where(
                row.assignment.in_(batch), row.proof.is_not(None)
            )
        )
    }


def fetch_replacements(session: Session, deals: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return by deal which assignments are to be replaced, alive or not."""
    return {deal: tuple(wishes) for deal, wishes in fetch_wishes(session, deals).items()}
