"""Keep cards that accounts let be charged, and what was charged."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.enums import SavedCardState
from wasmarket.store.payments.checkouts import UNCOUNTED
from wasmarket.store.payments.views import SavedCard
from wasmarket.store.tables import CheckoutRow, SavedCardRow


def add_saved_card(session: Session, card: SavedCard) -> None:
    """Keep what an account is asked to agree to."""
    session.add(SavedCardRow(**asdict(card)))
    session.flush()


def find_saved_card(session: Session, checkout: str) -> SavedCard | None:
    """Return the card that a purchase saves, None if it saves none."""
    row = session.get(SavedCardRow, checkout)
    return None if row is None else _view(row)


def find_card_of(session: Session, account: Address) -> SavedCard | None:
    """Return the card that an account lets be charged now, None if there is none."""
    query = (
        select(SavedCardRow)
        .where(SavedCardRow.account == account, SavedCardRow.state == SavedCardState.ACTIVE)
        .order_by(SavedCardRow.agreed_at.desc(), SavedCardRow.checkout)
    )
    row = session.scalars(query).first()
    return None if row is None else _view(row)


def fetch_cards_of(session: Session, account: Address) -> list[SavedCard]:
    """Return all cards that an account ever saved or was asked about, newest first."""
    query = (
        select(SavedCardRow)
        .where(SavedCardRow.account == account)
        .order_by(SavedCardRow.asked_at.desc(), SavedCardRow.checkout)
    )
    return [_view(row) for row in session.scalars(query)]


def update_saved_card(session: Session, checkout: str, /, **changes: Any) -> None:
    """Change columns of a saved card."""
    session.execute(update(SavedCardRow).where(SavedCardRow.checkout == checkout).values(**changes))
    session.expire_all()


def cancel_cards(session: Session, account: Address, now: int, *, but: str = "") -> list[SavedCard]:
    """Let an account's cards be charged no more, but for one; return those that could be."""
    found = [
        one
        for one in fetch_cards_of(session, account)
        if one.checkout != but and one.state is not SavedCardState.CANCELLED
    ]
    for one in found:
        update_saved_card(session, one.checkout, state=SavedCardState.CANCELLED, cancelled_at=now)
    return found


def find_charge(session: Session, account: Address, key: str) -> str | None:
    """Return the purchase that an account asked for under a key, None if it did not."""
    query = select(CheckoutRow.id).where(
        CheckoutRow.account == account, CheckoutRow.charge_key == key
    )
    return session.scalar(query)


def sum_charged(session: Session, card: str, since: int) -> int:
    """Return the minor units that were or may still be charged to a saved card since a time."""
    query = select(func.coalesce(func.sum(CheckoutRow.amount), 0)).where(
        CheckoutRow.saved_card == card,
        CheckoutRow.created_at >= since,
        CheckoutRow.state.not_in(UNCOUNTED),
    )
    return int(session.scalar(query) or 0)


def _view(row: SavedCardRow) -> SavedCard:
    values = {column.name: getattr(row, column.name) for column in SavedCardRow.__table__.columns}
    return SavedCard(**values | {"state": SavedCardState(row.state)})
