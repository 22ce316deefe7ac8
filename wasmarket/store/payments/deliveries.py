"""Keep what the treasury owes and every transaction it signs for it, before it is broadcast."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address, DealId, Hash
from wasmarket.store.enums import DeliveryKind, DeliveryState, Uint
from wasmarket.store.payments.views import Delivery, DeliveryAttempt
from wasmarket.store.tables import DeliveryAttemptRow, DeliveryRow


def add_delivery(
    session: Session,
    *,
    checkout: str | None,
    kind: DeliveryKind,
    deal: DealId | None,
    to: Address,
    amount: int,
    now: int,
) -> int:
    """Keep what is owed, ready to be sent; return its number."""
    row = DeliveryRow(
        checkout=checkout,
        kind=kind,
        deal=deal,
        to=to,
        amount=Uint(amount),
        state=DeliveryState.WAITING,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row.id


def fetch_delivery(session: Session, delivery: int, *, lock: bool = False) -> Delivery:
    """Return a delivery; `lock` keeps others from changing it. Raises NotFound."""
    query = select(DeliveryRow).where(DeliveryRow.id == delivery)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"there is no delivery {delivery}", field="delivery")
    return _view(row)


def find_delivery(session: Session, checkout: str, *, lock: bool = False) -> Delivery | None:
    """Return the delivery of a purchase, None if nothing is owed for it."""
    query = select(DeliveryRow).where(DeliveryRow.checkout == checkout)
    row = session.scalar(query.with_for_update() if lock else query)
    return None if row is None else _view(row)


def fetch_deliveries_in(
    session: Session, states: Sequence[DeliveryState], limit: int | None = None
) -> list[Delivery]:
    """Return the deliveries in some states, oldest first."""
    query = (
        select(DeliveryRow)
        .where(DeliveryRow.state.in_(states))
        .order_by(DeliveryRow.id)
        .limit(limit)
    )
    return [_view(row) for row in session.scalars(query)]


def update_delivery(session: Session, delivery: int, /, **changes: Any) -> None:
    """Change columns of a delivery."""
    session.execute(update(DeliveryRow).where(DeliveryRow.id == delivery).values(**changes))
    session.expire_all()


def add_attempt(session: Session, attempt: DeliveryAttempt, now: int) -> None:
    """Keep a signed transaction; a known one stays as it is."""
    if session.get(DeliveryAttemptRow, attempt.tx_hash) is None:
        session.add(
            DeliveryAttemptRow(
                tx_hash=attempt.tx_hash,
                delivery=attempt.delivery,
                nonce=attempt.nonce,
                raw="0x" + attempt.raw.hex(),
                signed_at=now,
                is_dead=False,
            )
        )
        session.flush()


def fetch_live_attempts(session: Session, delivery: int) -> list[DeliveryAttempt]:
    """Return what was signed for a delivery and could still be mined, oldest first."""
    query = (
        select(DeliveryAttemptRow)
        .where(DeliveryAttemptRow.delivery == delivery, DeliveryAttemptRow.is_dead.is_(False))
        .order_by(DeliveryAttemptRow.signed_at, DeliveryAttemptRow.tx_hash)
    )
    return [
        DeliveryAttempt(Hash(row.tx_hash), row.delivery, row.nonce, bytes.fromhex(row.raw[2:]))
        for row in session.scalars(query)
    ]


def bury_attempts(session: Session, delivery: int) -> None:
    """Note that nothing that was signed for a delivery can be mined any more."""
    session.execute(
        update(DeliveryAttemptRow)
        .where(DeliveryAttemptRow.delivery == delivery)
        .values(is_dead=True)
    )
    session.expire_all()


def count_deliveries(session: Session) -> dict[str, int]:
    """Return how many deliveries are in each state."""
    query = select(DeliveryRow.state, func.count()).group_by(DeliveryRow.state)
    return {state: int(number) for state, number in session.execute(query)}


def _view(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        checkout=row.checkout,
        kind=DeliveryKind(row.kind),
        deal=row.deal,
        to=row.to,
        amount=row.amount,
        state=DeliveryState(row.state),
        reason=row.reason,
        created_at=row.created_at,
        tx_hash=row.tx_hash,
        block_number=row.block_number,
        gas_cost=row.gas_cost,
    )
