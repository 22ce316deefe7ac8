"""Keep the offers that a matcher received, and say what became of each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.selection.wishes import load_signed_wish
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer, dump_offer, parse_offer
from wasmarket.kernel.signing.typed_data import hash_offer
from wasmarket.kernel.units import Address, BlockNumber, Hash, Timestamp
from wasmarket.store.chain.state import batches
from wasmarket.store.columns import Base
from wasmarket.store.enums import BookState, OfferSource
from wasmarket.store.errors import Inconsistent
from wasmarket.store.matching.views import StoredDeveloperOffer, StoredProviderOffer
from wasmarket.store.tables import DeveloperOfferRow, OfferClockRow, ProviderOfferRow

_FIND_ASK = select(ProviderOfferRow.sequence).where(ProviderOfferRow.hash == bindparam("name"))
_FIND_BID = select(DeveloperOfferRow.sequence).where(DeveloperOfferRow.hash == bindparam("name"))
# Into the tables: an ORM insert is twice as dear, and nobody needs the object.
_ADD_ASK = insert(Base.metadata.tables[ProviderOfferRow.__tablename__])
_ADD_BID = insert(Base.metadata.tables[DeveloperOfferRow.__tablename__])
_TICK = (
    update(OfferClockRow)
    .values(version=OfferClockRow.version + 1)
    .returning(OfferClockRow.version)
    .execution_options(synchronize_session=False)
)

NOT_POSTED = "post it here first, or ask the matcher that has it"


def add_provider_offer(
    session: Session,
    offer: ProviderOffer,
    provider: Address,
    *,
    signature: str | None,
    source: OfferSource,
    received_at: Timestamp,
    client: str | None = None,
    name: Hash | None = None,
) -> tuple[Hash, bool]:
    """Keep a checked ask; a known one stays as it is. Returns its hash and whether it is new.

    `client` is the address that it was posted from, `name` the hash of an offer that was hashed.
    """
    hash_ = name or hash_offer(offer)
    if session.scalar(_FIND_ASK, {"name": hash_}) is not None:
        return hash_, False
    values = {
        "hash": hash_,
        "provider": provider,
        "peer": offer.peer,
        "kind": offer.kind,
        "price": offer.price,
        "developer": offer.developer,
        "valid_until": offer.valid_until,
        "counter": offer.counter,
        "salt": offer.salt,
        "signature": signature,
        "source": source,
        "received_at": received_at,
        "withdrawn": False,
        "changed": tick_offers(session),
        "client": client,
    }
    session.execute(_ADD_ASK, values)
    return hash_, True


def add_developer_offer(
    session: Session,
    offer: DeveloperOffer,
    *,
    signature: str | None,
    permit: dict[str, Any] | None,
    source: OfferSource,
    received_at: Timestamp,
    client: str | None = None,
    name: Hash | None = None,
    target: int | None = None,
    target_proof: Mapping[str, str] | None = None,
    wish: Mapping[str, Any] | None = None,
) -> tuple[Hash, bool]:
    """Keep a checked bid; a known one stays, but takes a newer permit. As add_provider_offer.

    `target` of a new one: how many units are wanted for now, and the signed request that says so.
    `wish` is what was signed beside it, as JSON.
    """
    hash_ = name or hash_offer(offer)
    if session.scalar(_FIND_BID, {"name": hash_}) is not None:
        if permit is not None:
            session.execute(
                update(DeveloperOfferRow)
                .where(DeveloperOfferRow.hash == hash_)
                .values(permit=json.dumps(permit), changed=tick_offers(session))
            )
        return hash_, False
    values = {
        "hash": hash_,
        "developer": offer.developer,
        "app": offer.app,
        "units": offer.units,
        "max_price": offer.max_price,
        "matcher": offer.matcher,
        "valid_until": offer.valid_until,
        "counter": offer.counter,
        "offer": json.dumps(dump_offer(offer)),
        "signature": signature,
        "permit": None if permit is None else json.dumps(permit),
        "source": source,
        "received_at": received_at,
        "withdrawn": False,
        "state": BookState.POSTED,
        "reasons": "[]",
        "tried_block": None,
        "changed": tick_offers(session),
        "target": target,
        "target_proof": None if target_proof is None else json.dumps(target_proof),
        "wish": None if wish is None else json.dumps(wish),
        "client": client,
    }
    session.execute(_ADD_BID, values)
    return hash_, True


def fetch_provider_offer(session: Session, hash: Hash) -> StoredProviderOffer:
    """Return one ask. Raises NotFound."""
    row = session.scalar(select(ProviderOfferRow).where(ProviderOfferRow.hash == hash))
    if row is None:
        raise NotFound(f"there is no provider offer {hash}", field="hash", remedy=NOT_POSTED)
    return provider_offer_view(row)


def fetch_developer_offer(session: Session, hash: Hash) -> StoredDeveloperOffer:
    """Return one bid. Raises NotFound."""
    row = session.scalar(select(DeveloperOfferRow).where(DeveloperOfferRow.hash == hash))
    if row is None:
        raise NotFound(f"there is no developer offer {hash}", field="hash", remedy=NOT_POSTED)
    return developer_offer_view(row)


def fetch_provider_offers(
    session: Session,
    *,
    provider: Address | None = None,
    peer: int | None = None,
    after: int = 0,
    limit: int | None = 100,
) -> list[StoredProviderOffer]:
    """Return asks in order of arrival, whether they still hold or not."""
    query = (
        select(ProviderOfferRow)
        .where(ProviderOfferRow.sequence > after)
        .order_by(ProviderOfferRow.sequence)
        .limit(limit)
    )
    if provider is not None:
        query = query.where(ProviderOfferRow.provider == provider)
    if peer is not None:
        query = query.where(ProviderOfferRow.peer == peer)
    return [provider_offer_view(row) for row in session.scalars(query)]


def fetch_developer_offers(
    session: Session,
    *,
    developer: Address | None = None,
    after: int = 0,
    limit: int | None = 100,
) -> list[StoredDeveloperOffer]:
    """Return bids in order of arrival, whether they still hold or not."""
    query = (
        select(DeveloperOfferRow)
        .where(DeveloperOfferRow.sequence > after)
        .order_by(DeveloperOfferRow.sequence)
        .limit(limit)
    )
    if developer is not None:
        query = query.where(DeveloperOfferRow.developer == developer)
    return [developer_offer_view(row) for row in session.scalars(query)]


def withdraw_offer(session: Session, hash: Hash) -> None:
    """Take an offer of either kind out of this book for good. Raises NotFound."""
    version = tick_offers(session)
    for kind in (ProviderOfferRow, DeveloperOfferRow):
        changed = session.execute(
            update(kind)
            .where(kind.hash == hash)
            .values(withdrawn=True, changed=version)
            .returning(kind.sequence)
        ).all()
        if changed:
            return
    raise NotFound(f"there is no offer {hash}", field="hash")


def set_offer_state(
    session: Session,
    hash: Hash,
    state: BookState,
    *,
    reasons: Sequence[Any] = (),
    tried_block: BlockNumber | None = None,
) -> None:
    """Record what the matcher's last attempt at a bid said. Raises NotFound."""
    changed = session.execute(
        update(DeveloperOfferRow)
        .where(DeveloperOfferRow.hash == hash)
        .values(state=state, reasons=json.dumps(list(reasons)), tried_block=tried_block)
        .returning(DeveloperOfferRow.sequence)
    ).all()
    if not changed:
        raise NotFound(f"there is no developer offer {hash}", field="hash")


def set_offer_target(
    session: Session, hash: Hash, target: int | None, proof: Mapping[str, str] | None = None
) -> None:
    """Record how many units of a bid are wanted for now, and who signed that. Raises NotFound."""
    changed = session.execute(
        update(DeveloperOfferRow)
        .where(DeveloperOfferRow.hash == hash)
        .values(
            target=target,
            target_proof=None if proof is None else json.dumps(proof),
            changed=tick_offers(session),
        )
        .returning(DeveloperOfferRow.sequence)
    ).all()
    if not changed:
        raise NotFound(f"there is no developer offer {hash}", field="hash")


def touch_offer(session: Session, hash: Hash) -> None:
    """Have every book look at a bid again: something beside its row changed."""
    session.execute(
        update(DeveloperOfferRow)
        .where(DeveloperOfferRow.hash == hash)
        .values(changed=tick_offers(session))
    )


def touch_asks(session: Session, peers: Sequence[int]) -> None:
    """Have every book look at the asks of these peers again: whether they answer has changed."""
    if not peers:
        return
    version = tick_offers(session)
    for batch in batches(peers):
        session.execute(
            update(ProviderOfferRow)
            .where(ProviderOfferRow.peer.in_(batch))
            .values(changed=version)
            .execution_options(synchronize_session=False)
        )


def fetch_offer_version(session: Session) -> int:
    """Return the offer clock: it moves with every offer that comes, goes or changes."""
    return session.scalar(select(OfferClockRow.version)) or 0


def fetch_changed_offers(session: Session, after: int) -> tuple[list[Hash], list[Hash]]:
    """Return the hashes of asks and of bids that changed behind a version."""
    asks, bids = (
        list(session.scalars(select(kind.hash).where(kind.changed > after)))
        for kind in (ProviderOfferRow, DeveloperOfferRow)
    )
    return asks, bids


def tick_offers(session: Session) -> int:
    """Count a change. The row stays locked until the commit, so readers miss no version."""
    version: int | None = session.scalar(_TICK)
    if version is None:
        raise Inconsistent(
            "the store has no offer clock", remedy="let `wasmarket matcher run` upgrade the store"
        )
    return version


def provider_offer_view(row: ProviderOfferRow) -> StoredProviderOffer:
    """Return a row as a value."""
    return StoredProviderOffer(
        sequence=row.sequence,
        hash=row.hash,
        provider=row.provider,
        offer=ProviderOffer(
            row.peer, row.kind, row.price, row.developer, row.valid_until, row.counter, row.salt
        ),
        signature=row.signature,
        source=OfferSource(row.source),
        received_at=row.received_at,
        withdrawn=row.withdrawn,
    )


def developer_offer_view(row: DeveloperOfferRow) -> StoredDeveloperOffer:
    """Return a row as a value."""
    return StoredDeveloperOffer(
        sequence=row.sequence,
        hash=row.hash,
        offer=parse_offer(DeveloperOffer, json.loads(row.offer)),
        signature=row.signature,
        permit=None if row.permit is None else json.loads(row.permit),
        source=OfferSource(row.source),
        received_at=row.received_at,
        withdrawn=row.withdrawn,
        state=BookState(row.state),
        reasons=tuple(json.loads(row.reasons)),
        tried_block=row.tried_block,
        target=row.target,
        target_proof=None if row.target_proof is None else json.loads(row.target_proof),
        wish=None if row.wish is None else load_signed_wish(json.loads(row.wish)),
    )
