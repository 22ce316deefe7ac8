"""What a matcher looks up when an offer is posted: few questions, built once."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.store.chain.state import NotIndexed
from wasmarket.store.tables import (
    CursorRow,
    DealRow,
    DeveloperOfferRow,
    PeerCheckRow,
    PeerRow,
    ProviderOfferRow,
    PublishedOfferRow,
)

_TIME = select(CursorRow.timestamp).where(CursorRow.id == 1)
_BID = select(DeveloperOfferRow.permit).where(DeveloperOfferRow.hash == bindparam("name"))
_HAS_DEAL = select(exists().where(DealRow.offer == bindparam("name")))
_ASK = select(exists().where(ProviderOfferRow.hash == bindparam("name")))
_PEER = (
    select(PeerRow.provider, PeerCheckRow.answers)
    .outerjoin(PeerCheckRow, PeerCheckRow.peer == PeerRow.id)
    .where(PeerRow.id == bindparam("number"))
)
_PUBLISHED = select(PublishedOfferRow.offer.is_not(None)).where(
    PublishedOfferRow.account == bindparam("owner"), PublishedOfferRow.hash == bindparam("name")
)


@dataclass(frozen=True, slots=True)
class BidPosting:
    """What is known of a developer offer that is posted; `now` is the chain's time."""

    now: Timestamp
    is_known: bool
    permit: dict[str, Any] | None
    has_deal: bool


@dataclass(frozen=True, slots=True)
class AskPosting:
    """What is known of a provider offer that is posted, and of its peer: None for no such peer.

    `is_unreachable`: the peer did not answer when it was last asked.
    """

    now: Timestamp
    is_known: bool
    provider: Address | None
    is_unreachable: bool


def fetch_time(session: Session) -> Timestamp:
    """Return the chain's time as indexed. Raises NotIndexed."""
    now = session.scalar(_TIME)
    if now is None:
        raise NotIndexed("the store has no block yet", remedy="start `wasmarket indexer run`")
    return Timestamp(now)


def fetch_bid_posting(session: Session, name: Hash) -> BidPosting:
    """Return what is known of a developer offer by its hash. Raises NotIndexed."""
    now = fetch_time(session)
    row = session.execute(_BID, {"name": name}).one_or_none()
    permit = None if row is None or row.permit is None else json.loads(row.permit)
    has_deal = bool(session.scalar(_HAS_DEAL, {"name": name}))
    return BidPosting(now, row is not None, permit, has_deal)


def fetch_ask_posting(session: Session, name: Hash, peer: int) -> AskPosting:
    """Return what is known of a provider offer by its hash, and of its peer. Raises NotIndexed."""
    now = fetch_time(session)
    is_known = bool(session.scalar(_ASK, {"name": name}))
    # Above that the store has no numbers, and the chain no peers.
    row = session.execute(_PEER, {"number": peer}).one_or_none() if peer < 2**63 else None
    provider = None if row is None else Address(row.provider)
    return AskPosting(now, is_known, provider, row is not None and row.answers is False)


def is_taken_from_chain(session: Session, account: Address, name: Hash) -> bool:
    """Whether an offer that is approved on chain comes from there by itself, terms and all.

    One that is not indexed yet may: only its block tells.
    """
    readable = session.scalar(_PUBLISHED, {"owner": account, "name": name})
    return readable is None or bool(readable)
