"""Read all peers as columns."""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.store.bulk.joined import Texts, as_digits, as_stored, joined, read_by_range
from wasmarket.store.tables import PeerRow

WHOLE = ("id", "units", "used", "memory_mib", "region")


def read_peers(session: Session) -> Iterator[Texts]:
    """Yield what a market is made of: WHOLE numbers, `provider`, and `traits` of 78 digits."""
    columns = {name: as_digits(getattr(PeerRow, name)) for name in WHOLE} | {
        "provider": as_stored(PeerRow.provider),
        "traits": as_stored(PeerRow.traits),
    }
    last = session.scalar(select(func.max(PeerRow.id)))
    yield from read_by_range(session, select(*joined(columns)), PeerRow.id, last)
