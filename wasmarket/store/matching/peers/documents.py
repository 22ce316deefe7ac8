"""Keep what peers say of themselves, as the matcher fetched and checked it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from wasmarket.kernel.selection.peer_document import PeerDocument, parse_peer_document
from wasmarket.kernel.units import Hash, Timestamp
from wasmarket.store.chain.peers import PeerFilter, fetch_peers
from wasmarket.store.chain.state import batches
from wasmarket.store.matching.offers import tick_offers
from wasmarket.store.tables import PeerDocumentRow, PeerRow
from wasmarket.store.views import PeerView


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document, its canonical bytes, and the signature (hex) of the key it was checked with.

    `expires` is 0 for one that its peer took back; `changed` a version of the offer clock.
    """

    peer: int
    document: PeerDocument
    content: bytes
    signature: str
    key: Hash
    expires: int
    changed: int = 0


def save_peer_documents(session: Session, found: Sequence[StoredDocument]) -> int:
    """Keep documents; one older than what is there is left out. Returns how many were kept."""
    kept = 0
    for entry in found:
        row = session.get(PeerDocumentRow, entry.peer)
        document = entry.document
        if row is not None and row.key == entry.key and row.issued >= document.issued:
            continue
        kept += 1
        session.merge(
            PeerDocumentRow(
                peer=entry.peer,
                content=entry.content.decode(),
                signature=entry.signature,
                key=entry.key,
                issued=document.issued,
                expires=document.expires,
                site="" if document.site is None else document.site.id,
                memory_mib=document.hardware.memory_mib,
                speed=document.speed,
                claims="".join(f" {kind}" for kind in document.claim_kinds) + " ",
                changed=tick_offers(session),
            )
        )
    session.flush()
    return kept


def remove_peer_documents(session: Session, peers: Iterable[int]) -> int:
    """Let what peers said count no more, who say nothing now; return of how many it did."""
    gone = 0
    for batch in batches(peers):
        query = select(PeerDocumentRow).where(
            PeerDocumentRow.peer.in_(batch), PeerDocumentRow.expires > 0
        )
        for row in session.scalars(query):
            row.expires = row.issued = Timestamp(0)
            row.changed = tick_offers(session)
            gone += 1
    session.flush()
    return gone


def fetch_changed_documents(session: Session, after: int) -> list[StoredDocument]:
    """Return the documents that changed behind a version of the offer clock, also what expired."""
    query = _of_peers().where(PeerDocumentRow.changed > after).order_by(PeerDocumentRow.changed)
    return [_view(row) for row in session.scalars(query)]


def fetch_peer_documents(
    session: Session, now: int, peers: Iterable[int] | None = None
) -> dict[int, StoredDocument]:
    """Return what holds at `now` of what peers said; `peers`: only theirs."""
    query = _of_peers().where(PeerDocumentRow.expires > now)
    if peers is None:
        rows = session.scalars(query.order_by(PeerDocumentRow.peer)).all()
    else:
        rows = [
            row
            for batch in batches(peers)
            for row in session.scalars(query.where(PeerDocumentRow.peer.in_(batch)))
        ]
    return {row.peer: _view(row) for row in rows}


def filter_peers(
    session: Session, wanted: PeerFilter, now: int, after: int, limit: int
) -> list[PeerView]:
    """Return peers by id, of those that say what is wanted of themselves at `now`."""
    row = PeerDocumentRow
    asked: list[ColumnElement[bool]] = []
    if wanted.site is not None:
        asked.append(row.site == wanted.site)
    if wanted.min_speed:
        asked.append(row.speed >= wanted.min_speed)
    # Kinds are words of letters, digits and _, which stands for any letter in LIKE.
    asked += [row.claims.contains(f" {claim} ", autoescape=True) for claim in wanted.claims]
    if not asked:
        return fetch_peers(
            session,
            provider=wanted.provider,
            region=wanted.region,
            min_memory_mib=wanted.min_memory_mib,
            after=after,
            limit=limit,
        )
    # Documents lead, by site where one is named: those who say so are few among all peers.
    query = (
        select(row.peer)
        .join(PeerRow, and_(PeerRow.id == row.peer, PeerRow.key == row.key))
        .where(row.peer > after, row.expires > now, *asked)
        .order_by(row.peer)
        .limit(limit)
    )
    if wanted.provider is not None:
        query = query.where(PeerRow.provider == wanted.provider)
    if wanted.region is not None:
        query = query.where(PeerRow.region == wanted.region)
    if wanted.min_memory_mib:
        query = query.where(PeerRow.memory_mib >= wanted.min_memory_mib)
    ids = list(session.scalars(query))
    return fetch_peers(session, ids=ids, limit=None) if ids else []


def _of_peers() -> Select[PeerDocumentRow]:
    """Choose what was signed with the keys that the peers have."""
    return select(PeerDocumentRow).join(
        PeerRow, and_(PeerRow.id == PeerDocumentRow.peer, PeerRow.key == PeerDocumentRow.key)
    )


def _view(row: PeerDocumentRow) -> StoredDocument:
    content = row.content.encode()
    return StoredDocument(
        row.peer,
        parse_peer_document(content),
        content,
        row.signature,
        Hash(row.key),
        row.expires,
        row.changed,
    )
