"""Read how far the chain is indexed, and what it knows of accounts and published offers."""

import json
from collections.abc import Iterable, Iterator
from typing import TypeVar

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.signing.offers import DeveloperOffer, Offer, ProviderOffer, parse_offer
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.enums import OfferKind
from wasmarket.store.tables import (
    AccountRow,
    CursorRow,
    MarketStateRow,
    OfferCancellationRow,
    PublishedOfferRow,
)
from wasmarket.store.views import AccountView, Indexed, PublishedView

Place = tuple[int, int]
"""Block number and log index."""

BATCH = 200
"""Keys per query, below every database's limit of parameters."""


Key = TypeVar("Key", int, str, Address, Hash)


def batches(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """Cut keys, each once and in order, into lists of at most `BATCH`."""
    listed = sorted(set(keys))
    for first in range(0, len(listed), BATCH):
        yield listed[first : first + BATCH]


class NotIndexed(Unreachable):
    """Not indexed yet"""

    slug = "not-indexed"


def fetch_indexed(session: Session) -> Indexed:
    """Return as of which block the store is. Raises NotIndexed before the first."""
    cursor = session.get(CursorRow, 1)
    if (
        cursor is None
        or cursor.block_number is None
        or cursor.block_hash is None
        or cursor.timestamp is None
    ):
        raise NotIndexed(
            "the store has no block yet",
            remedy="start `wasmarket indexer run`, or wait until it has reached the deployment",
        )
    return Indexed(
        chain_id=cursor.chain_id,
        market=cursor.market,
        epoch_seconds=cursor.epoch_seconds,
        proof_window=cursor.proof_window,
        block=cursor.block_number,
        block_hash=cursor.block_hash,
        timestamp=cursor.timestamp,
    )


def fetch_account(session: Session, address: Address) -> AccountView:
    """Return an account's free balance and counter; zeros for one that never appeared."""
    row = session.get(AccountRow, address)
    return AccountView(address, row.free if row else 0, row.counter if row else 0)


def fetch_counters(session: Session, addresses: Iterable[Address]) -> dict[Address, int]:
    """Return the offer counter of each account."""
    wanted = sorted(set(addresses))
    counters = dict.fromkeys(wanted, 0)
    for at in range(0, len(wanted), BATCH):
        query = select(AccountRow.address, AccountRow.counter).where(
            AccountRow.address.in_(wanted[at : at + BATCH])
        )
        counters.update((address, counter) for address, counter in session.execute(query))
    return counters


def fetch_cancelled(
    session: Session, offers: Iterable[tuple[Address, Hash]]
) -> set[tuple[Address, Hash]]:
    """Return which of these (account, hash) were cancelled on chain."""
    wanted = sorted(set(offers))
    found: set[tuple[Address, Hash]] = set()
    columns = (OfferCancellationRow.account, OfferCancellationRow.hash)
    for at in range(0, len(wanted), BATCH):
        query = select(*columns).where(tuple_(*columns).in_(wanted[at : at + BATCH]))
        found.update((account, hash_) for account, hash_ in session.execute(query))
    return found


def fetch_paused(session: Session) -> bool:
    """Return whether new matches are paused."""
    state = session.get(MarketStateRow, 1)
    return state is not None and state.paused


def fetch_published(
    session: Session,
    *,
    after: Place | None = None,
    account: Address | None = None,
    hash: Hash | None = None,
    limit: int | None = 100,
) -> list[PublishedView]:
    """Return offers approved on chain, in the order of their latest readable publication."""
    place = (PublishedOfferRow.block_number, PublishedOfferRow.log_index)
    query = select(PublishedOfferRow).order_by(*place).limit(limit)
    if after is not None:
        query = query.where(tuple_(*place) > after)
    if account is not None:
        query = query.where(PublishedOfferRow.account == account)
    if hash is not None:
        query = query.where(PublishedOfferRow.hash == hash)
    return [_published_view(row) for row in session.scalars(query)]


def is_approved(session: Session, account: Address, hash: Hash) -> bool:
    """Return whether an account approved an offer's hash on chain."""
    return session.get(PublishedOfferRow, (account, hash)) is not None


def _read_offer(kind: OfferKind, text: str) -> Offer:
    if kind == OfferKind.PROVIDER:
        return parse_offer(ProviderOffer, json.loads(text))
    return parse_offer(DeveloperOffer, json.loads(text))


def _published_view(row: PublishedOfferRow) -> PublishedView:
    known = row.kind is not None and row.offer is not None
    return PublishedView(
        account=row.account,
        hash=row.hash,
        block=row.block_number,
        log_index=row.log_index,
        kind=OfferKind(row.kind) if row.kind else None,
        offer=_read_offer(OfferKind(row.kind), row.offer) if known else None,  # type: ignore[arg-type]
        problem=row.problem,
    )
