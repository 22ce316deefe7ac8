"""Read all asks that hold as columns."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, func, literal, select
from sqlalchemy.orm import Session

from wasmarket.store.bulk.joined import Texts, as_digits, as_stored, joined, read_by_range
from wasmarket.store.columns import Uint256
from wasmarket.store.tables import (
    AccountRow,
    OfferCancellationRow,
    PeerCheckRow,
    ProviderOfferRow,
    PublishedOfferRow,
)
from wasmarket.store.views import Indexed

NO_SIGNATURE = "0x" + "00" * 64
"""Stands for none: no signature of anybody is zero."""


def read_asks(session: Session, at: Indexed) -> Iterator[Texts]:
    """Yield the asks that were not withdrawn from this matcher and have not expired as of `at`.

    `sequence`, `peer` and `kind` are whole numbers, `price`, `valid_until`, `counter` and `salt`
    have 78 digits each, `signature` is NO_SIGNATURE where there is none. Whether an ask holds is
    for the reader to say, who has the peers, the counters and what was said on chain.
    """
    row = ProviderOfferRow
    whole: dict[str, Any] = {"sequence": row.sequence, "peer": row.peer, "kind": row.kind}
    stored: dict[str, Any] = {
        "hash": row.hash,
        "provider": row.provider,
        "developer": row.developer,
        "price": row.price,
        "valid_until": row.valid_until,
        "counter": row.counter,
        "salt": row.salt,
        "signature": func.coalesce(row.signature, NO_SIGNATURE),
    }
    columns = {name: as_digits(column) for name, column in whole.items()} | {
        name: as_stored(column) for name, column in stored.items()
    }
    query = select(*joined(columns)).where(
        row.withdrawn.is_(False), row.valid_until >= at.timestamp
    )
    yield from read_by_range(session, query, row.sequence, fetch_last_ask(session))


def fetch_last_ask(session: Session) -> int | None:
    """Return the number of the newest ask."""
    return session.scalar(select(func.max(ProviderOfferRow.sequence)))


def fetch_cancelled_asks(session: Session) -> list[int]:
    """Return the numbers of the asks that were cancelled on chain."""
    return _asks_of(session, OfferCancellationRow)


def fetch_approved_asks(session: Session) -> list[int]:
    """Return the numbers of the asks that were approved on chain."""
    return _asks_of(session, PublishedOfferRow)


def _asks_of(
    session: Session, said: type[OfferCancellationRow] | type[PublishedOfferRow]
) -> list[int]:
    """Return the asks of which their own provider said so on chain."""
    row = ProviderOfferRow
    query = (
        select(row.sequence)
        .select_from(said)
        .join(row, and_(row.hash == said.hash, row.provider == said.account))
    )
    return list(session.scalars(query))


def fetch_bumped_counters(session: Session) -> dict[str, int]:
    """Return the counters of the accounts that have raised theirs; others' are 0."""
    row = AccountRow
    query = select(row.address, row.counter).where(row.counter != literal(0, Uint256))
    return {row.address: row.counter for row in session.execute(query)}


def fetch_answering_peers(session: Session) -> list[int]:
    """Return the peers that answer at their endpoint with their key."""
    return list(session.scalars(select(PeerCheckRow.peer).where(PeerCheckRow.answers.is_(True))))
