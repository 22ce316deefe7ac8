"""Who buys no more, who was given coins, and which events of processors were heard."""

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.enums import FrozenKind
from wasmarket.store.payments.views import FrozenParty
from wasmarket.store.tables import FrozenRow, GasGrantRow, WebhookRow

_LIMITS_LOCK = 0x77_61_73_6E  # any number that no one else locks in this database


def serialize(session: Session) -> None:
    """Let transactions that weigh limits run one behind the other; first in each of them.

    SQLite has one writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LIMITS_LOCK})


def freeze(session: Session, kind: FrozenKind, key: str, reason: str, now: int) -> None:
    """Let a card or an account buy no more; one that is frozen stays so."""
    if session.get(FrozenRow, (kind, key)) is None:
        session.add(FrozenRow(kind=kind, key=key, reason=reason, since=now))
        session.flush()


def thaw(session: Session, kind: FrozenKind, key: str) -> bool:
    """Let a card or an account buy again; return False if it could."""
    found = delete(FrozenRow).where(FrozenRow.kind == kind, FrozenRow.key == key)
    return bool(session.execute(found.returning(FrozenRow.key)).all())


def find_frozen(session: Session, kind: FrozenKind, key: str) -> FrozenParty | None:
    """Return why a card or an account may not buy, None if it may."""
    row = session.get(FrozenRow, (kind, key))
    return None if row is None else FrozenParty(row.kind, row.key, row.reason, row.since)


def fetch_frozen(session: Session) -> list[FrozenParty]:
    """Return all that are frozen, oldest first."""
    rows = session.scalars(select(FrozenRow).order_by(FrozenRow.since, FrozenRow.key))
    return [FrozenParty(row.kind, row.key, row.reason, row.since) for row in rows]


def note_event(
    session: Session, processor: str, event: str, kind: str, now: int, keep: int
) -> bool:
    """Remember an event for `keep` seconds; return False if it was heard before."""
    session.execute(delete(WebhookRow).where(WebhookRow.received_at < now - keep))
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert = (postgresql if is_postgres else sqlite).insert(WebhookRow)
    kept = session.execute(
        insert.values(processor=processor, event=event, kind=kind, received_at=now)
        .on_conflict_do_nothing()
        .returning(WebhookRow.event)
    ).all()
    return bool(kept)


def add_grant(session: Session, account: Address, client: str, delivery: int, now: int) -> None:
    """Note that an account was given coins. A second one is an Inconsistent store."""
    session.add(GasGrantRow(account=account, client=client, delivery=delivery, granted_at=now))
    session.flush()


def find_grant(session: Session, account: Address) -> int | None:
    """Return the delivery by which an account was given coins, None if it was not."""
    return session.scalar(select(GasGrantRow.delivery).where(GasGrantRow.account == account))


def count_grants(session: Session, since: int, client: str | None = None) -> int:
    """Return how many accounts were given coins since a time, by one client or all."""
    query = select(func.count()).select_from(GasGrantRow).where(GasGrantRow.granted_at >= since)
    if client is not None:
        query = query.where(GasGrantRow.client == client)
    return int(session.scalar(query) or 0)
