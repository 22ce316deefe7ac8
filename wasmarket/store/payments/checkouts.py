"""Keep purchases and what the processor says of them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address
from wasmarket.store.enums import CheckoutState, DisputeState, Purpose
from wasmarket.store.payments.views import Checkout
from wasmarket.store.tables import CheckoutRow

UNCOUNTED = (CheckoutState.EXPIRED, CheckoutState.REFUNDED)
COUNTED = tuple(state for state in CheckoutState if state not in UNCOUNTED)
"""What limits count; of open ones the quote still stands."""
BOUGHT = (CheckoutState.PAID, CheckoutState.SENDING, CheckoutState.DELIVERED, CheckoutState.HELD)
"""What limits of a card count: a card is known once it has paid."""

ON_THEIR_WAY = (
    CheckoutState.OPEN,
    CheckoutState.EXPIRED,
    CheckoutState.PAID,
    CheckoutState.SENDING,
    CheckoutState.REFUNDING,
)
"""What is asked about every so often, until the processor has a last word."""


def add_checkout(session: Session, checkout: Checkout) -> None:
    """Keep a new purchase."""
    session.add(CheckoutRow(**asdict(checkout)))
    session.flush()


def fetch_checkout(session: Session, checkout: str, *, lock: bool = False) -> Checkout:
    """Return a purchase; `lock` keeps others from changing it until the transaction ends.

    Raises NotFound.
    """
    query = select(CheckoutRow).where(CheckoutRow.id == checkout)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound("there is no such checkout", field="checkout")
    return _view(row)


def update_checkout(session: Session, checkout: str, /, **changes: Any) -> None:
    """Change columns of a purchase."""
    session.execute(update(CheckoutRow).where(CheckoutRow.id == checkout).values(**changes))
    session.expire_all()


def fetch_due_checkouts(
    session: Session, now: int, *, furthest: int, limit: int = 100
) -> list[Checkout]:
    """Return purchases that the processor is to be asked about, the longest due first.

    Also those that are on their way and due later than `furthest` seconds from now: nobody waits
    so long, so the clock has been set back.
    """
    is_misplaced = and_(CheckoutRow.look_at > now + furthest, CheckoutRow.state.in_(ON_THEIR_WAY))
    query = (
        select(CheckoutRow)
        .where(or_(CheckoutRow.look_at <= now, is_misplaced))
        .order_by(CheckoutRow.look_at, CheckoutRow.id)
        .limit(limit)
    )
    return [_view(row) for row in session.scalars(query)]


def find_checkout_id(
    session: Session, processor: str, *, of_session: str | None, of_payment: str | None
) -> str | None:
    """Return which purchase a processor's session or payment is of; None if it is not ours."""
    for column, value in ((CheckoutRow.session, of_session), (CheckoutRow.payment, of_payment)):
        if value:
            query = select(CheckoutRow.id).where(
                CheckoutRow.processor == processor, column == value
            )
            found = session.scalars(query).first()
            if found is not None:
                return found
    return None


def fetch_checkouts_of(
    session: Session, account: Address, *, before: tuple[int, str] | None, limit: int
) -> list[Checkout]:
    """Return an account's purchases, newest first; `before`: (created_at, id) of a page's last."""
    query = select(CheckoutRow).where(CheckoutRow.account == account)
    if before is not None:
        at, last = before
        query = query.where(
            (CheckoutRow.created_at < at)
            | ((CheckoutRow.created_at == at) & (CheckoutRow.id < last))
        )
    query = query.order_by(CheckoutRow.created_at.desc(), CheckoutRow.id.desc()).limit(limit)
    return [_view(row) for row in session.scalars(query)]


def fetch_checkouts_in(session: Session, states: Sequence[CheckoutState]) -> list[Checkout]:
    """Return all purchases in some states, oldest first."""
    query = (
        select(CheckoutRow)
        .where(CheckoutRow.state.in_(states))
        .order_by(CheckoutRow.created_at, CheckoutRow.id)
    )
    return [_view(row) for row in session.scalars(query)]


def fetch_paid_checkouts(session: Session, after: str = "", limit: int = 500) -> list[Checkout]:
    """Return purchases for which money came in, by id."""
    query = (
        select(CheckoutRow)
        .where(CheckoutRow.received > 0, CheckoutRow.id > after)
        .order_by(CheckoutRow.id)
        .limit(limit)
    )
    return [_view(row) for row in session.scalars(query)]


def sum_worth(
    session: Session,
    *,
    since: int,
    now: int,
    account: Address | None = None,
    client: str | None = None,
    card: str | None = None,
    but: str = "",
) -> int:
    """Return the worth, in cents of a dollar, of what was bought since a time.

    By `account` or `client`: with quotes that still stand; by `card`: what it has paid, but for
    one checkout. All together without any of them.
    """
    query = select(func.coalesce(func.sum(CheckoutRow.worth), 0)).where(
        CheckoutRow.created_at >= since, CheckoutRow.id != but
    )
    if card is not None:
        query = query.where(CheckoutRow.card == card, CheckoutRow.state.in_(BOUGHT))
    else:
        query = query.where(
            CheckoutRow.state.in_(COUNTED),
            (CheckoutRow.state != CheckoutState.OPEN) | (CheckoutRow.expires_at >= now),
        )
    if account is not None:
        query = query.where(CheckoutRow.account == account)
    if client is not None:
        query = query.where(CheckoutRow.client == client)
    return int(session.scalar(query) or 0)


def count_checkouts(session: Session) -> dict[str, int]:
    """Return how many purchases are in each state."""
    query = select(CheckoutRow.state, func.count()).group_by(CheckoutRow.state)
    return {state: int(number) for state, number in session.execute(query)}


def _view(row: CheckoutRow) -> Checkout:
    values = {column.name: getattr(row, column.name) for column in CheckoutRow.__table__.columns}
    return Checkout(
        **values
        | {
            "state": CheckoutState(row.state),
            "purpose": Purpose(row.purpose),
            "dispute": DisputeState(row.dispute),
        }
    )
