"""Read what a matcher may match now, and what each developer offer has become."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.signing.offers import ProviderOffer
from wasmarket.kernel.units import Address, DealId, Hash
from wasmarket.store.chain.deals import fetch_deals_by_id
from wasmarket.store.chain.state import batches, fetch_cancelled, fetch_counters
from wasmarket.store.columns import Uint256
from wasmarket.store.enums import AssignmentState, OfferSource, OfferStatus
from wasmarket.store.matching.offers import (
    developer_offer_view,
    fetch_developer_offer,
)
from wasmarket.store.matching.peer_checks import answers_now
from wasmarket.store.matching.replacements import (
    fetch_replacement_proofs,
    fetch_replacements,
)
from wasmarket.store.matching.views import (
    OfferStatusView,
    OpenOffer,
    StoredDeveloperOffer,
    StoredProviderOffer,
)
from wasmarket.store.tables import (
    AccountRow,
    DealRow,
    DeveloperOfferRow,
    OfferCancellationRow,
    PeerRow,
    ProviderOfferRow,
    PublishedOfferRow,
)
from wasmarket.store.views import DealView, Indexed

MAX_RUN = 255
"""A deal that lapsed so often is matched no more."""


@dataclass(frozen=True, slots=True)
class OfferSelection:
    """Bids by hash, by developer, or by the deal that they made."""

    hashes: frozenset[Hash] = frozenset()
    developers: frozenset[Address] = frozenset()
    deals: frozenset[int] = frozenset()


def fetch_live_provider_offers(
    session: Session,
    at: Indexed,
    *,
    hashes: Iterable[Hash] | None = None,
    after: int = 0,
    limit: int | None = None,
    reachable_only: bool = False,
) -> list[StoredProviderOffer]:
    """Return the asks that hold as of `at`, in order of arrival, whatever units are left.

    They hold by time, counter, cancellation and approval, their peer is the provider's, and they
    were not withdrawn from this matcher. `hashes`: only of these, in any order. `reachable_only`:
    only of peers that answer at their endpoint with their key.
    """
    query = _live(at, after, limit)
    if reachable_only:
        query = query.where(answers_now(ProviderOfferRow.peer))
    if hashes is not None:
        return [
            _read_ask(*found)
            for batch in batches(hashes)
            for found in session.execute(query.where(_hash_in(batch)))
        ]
    return [_read_ask(*found) for found in session.execute(query)]


def fetch_asks_of(
    session: Session, *, peers: Iterable[int] = (), providers: Iterable[Address] = ()
) -> set[Hash]:
    """Return the hashes of all asks for these peers or by these providers."""
    found: set[Hash] = set()
    row = ProviderOfferRow
    for some_peers in batches(peers):
        found.update(session.scalars(select(row.hash).where(row.peer.in_(some_peers))))
    for some in batches(providers):
        found.update(session.scalars(select(row.hash).where(row.provider.in_(some))))
    return found


def _hash_in(batch: list[Hash]) -> ColumnElement[bool]:
    return ProviderOfferRow.hash.in_(batch)


def _read_ask(
    sequence: int,
    hash_: Hash,
    provider: Address,
    peer: int,
    kind: int,
    price: str,
    developer: Address,
    valid_until: str,
    counter: str,
    salt: str,
    signature: str | None,
    source: str,
    received_at: int,
    withdrawn: bool,
) -> StoredProviderOffer:
    """Return an ask out of the columns that `_live` chooses."""
    return StoredProviderOffer(
        sequence,
        hash_,
        provider,
        ProviderOffer(peer, kind, int(price), developer, int(valid_until), int(counter), int(salt)),
        signature,
        _SOURCES[source],
        received_at,
        withdrawn,
    )


_SOURCES: dict[str, OfferSource] = {source.value: source for source in OfferSource}


def _text(column: Any) -> ColumnElement[str]:
    """Choose a uint256 as it is stored: a million of them are read faster without a type."""
    return type_coerce(column, String)


def _live(at: Indexed, after: int, limit: int | None) -> Select[*tuple[Any, ...]]:
    """Choose columns, not rows of the mapper: a million asks are read at a matcher's start."""
    row = ProviderOfferRow
    return (
        select(
            row.sequence,
            row.hash,
            row.provider,
            row.peer,
            row.kind,
            _text(row.price),
            row.developer,
            _text(row.valid_until),
            _text(row.counter),
            _text(row.salt),
            row.signature,
            row.source,
            row.received_at,
            row.withdrawn,
        )
        .join(PeerRow, and_(PeerRow.id == row.peer, PeerRow.provider == row.provider))
        .outerjoin(AccountRow, AccountRow.address == row.provider)
        .where(
            row.sequence > after,
            row.valid_until >= at.timestamp,
            *holds(row, row.provider),
        )
        .order_by(row.sequence)
        .limit(limit)
    )


def fetch_open_developer_offers(
    session: Session, at: Indexed, chosen: OfferSelection | None = None
) -> list[OpenOffer]:
    """Return the bids to match, in order of arrival: still valid, or with a deal short of units.

    A refill needs neither signature nor expiry, but the deal must run: not stopped, before its
    last epoch, lapsed less than 255 times. `chosen`: only those, in any order.
    """
    query = _open(at)
    if chosen is None:
        found = list(session.execute(query))
    else:
        row = DeveloperOfferRow
        parts = [
            query.where(column.in_(batch))
            for column, keys in (
                (row.hash, chosen.hashes),
                (row.developer, chosen.developers),
                (DealRow.id, chosen.deals),
            )
            for batch in batches(keys)  # type: ignore[type-var]
        ]
        lines = {line[0].sequence: line for part in parts for line in session.execute(part)}
        found = [lines[sequence] for sequence in sorted(lines)]
    ids = [deal for _, deal in found if deal is not None]
    deals = fetch_deals_by_id(session, at, ids)
    wishes = fetch_replacements(session, ids)
    proofs = fetch_replacement_proofs(session, chain.from_iterable(wishes.values()))
    pairs = [
        _open_offer(
            stored, None if deal is None else deals[deal], wishes.get(deal or 0, ()), proofs
        )
        for stored, deal in found
    ]
    return [pair for pair in pairs if pair.deal is None or _can_refill(pair)]


def _open_offer(
    row: DeveloperOfferRow,
    deal: DealView | None,
    wishes: Iterable[int],
    known: Mapping[int, dict[str, str]],
) -> OpenOffer:
    alive = set() if deal is None else {entry.id for entry in deal.live}
    stored = developer_offer_view(row)
    replacing = tuple(id_ for id_ in wishes if id_ in alive)
    proofs = [known[id_] for id_ in replacing if id_ in known]
    if stored.target is not None and stored.target_proof is not None:
        proofs.append(stored.target_proof)
    return OpenOffer(stored, deal, replacing, tuple(proofs))


def _open(at: Indexed) -> Select[DeveloperOfferRow, DealId]:
    row = DeveloperOfferRow
    # A deal that has lapsed unnoticed has lost its units.
    has_room = or_(DealRow.units < row.units, lasts_epochs() < at.epoch - DealRow.settled)
    return (
        select(row, DealRow.id)
        .outerjoin(DealRow, and_(DealRow.developer == row.developer, DealRow.offer == row.hash))
        .outerjoin(AccountRow, AccountRow.address == row.developer)
        .where(
            *holds(row, row.developer),
            or_(
                and_(DealRow.id.is_(None), row.valid_until >= at.timestamp),
                and_(DealRow.stopped.is_(False), DealRow.end > at.epoch, has_room),
            ),
        )
        .order_by(row.sequence)
    )


def lasts_epochs() -> ColumnElement[int]:
    """Return in SQL how many epochs a deal's balance pays for; null while nothing is billed."""
    # A division of whole numbers in SQL rounds down on both databases; `//` would make it a FLOOR.
    return DealRow.balance.op("/", return_type=BigInteger())(func.nullif(DealRow.rate, 0))


def fetch_offer_status(session: Session, at: Indexed, hash: Hash) -> OfferStatusView:
    """Return what became of a developer offer. Raises NotFound."""
    return fetch_offer_statuses(session, at, [fetch_developer_offer(session, hash)])[0]


def fetch_offer_statuses(
    session: Session, at: Indexed, offers: Sequence[StoredDeveloperOffer]
) -> list[OfferStatusView]:
    """Return what became of developer offers, in their order, with a few questions for all."""
    deals = _fetch_deals_of(session, at, offers)
    open_ = [stored for stored in offers if stored.hash not in deals]
    keys = [(stored.offer.developer, Hash(stored.hash)) for stored in open_]
    counters = fetch_counters(session, (developer for developer, _ in keys))
    cancelled = fetch_cancelled(session, keys)
    views = []
    for stored in offers:
        deal = deals.get(stored.hash)
        if deal is not None:
            status = _status_of_deal(stored, deal)
        else:
            developer = stored.offer.developer
            is_gone = (
                stored.withdrawn
                or counters[developer] != stored.offer.counter
                or (developer, stored.hash) in cancelled
            )
            status = _status_before(at, stored, is_gone=is_gone)
        id_ = None if deal is None else deal.id
        views.append(OfferStatusView(stored.hash, status, id_, stored.reasons))
    return views


def _fetch_deals_of(
    session: Session, at: Indexed, offers: Sequence[StoredDeveloperOffer]
) -> dict[Hash, DealView]:
    """Return the deals that these offers made, by offer: the first of each developer's own."""
    owners = {stored.hash: stored.offer.developer for stored in offers}
    found: dict[Hash, int] = {}
    for batch in batches(owners):
        query = (
            select(DealRow.offer, DealRow.developer, DealRow.id)
            .where(DealRow.offer.in_(batch))
            .order_by(DealRow.id)
        )
        for hash_, developer, id_ in session.execute(query):
            if owners[hash_] == developer:
                found.setdefault(hash_, id_)
    views = fetch_deals_by_id(session, at, list(found.values()))
    return {hash_: views[id_] for hash_, id_ in found.items()}


def holds(row: Any, account: Any) -> tuple[ColumnElement[bool], ...]:
    """Return what offers of either kind must satisfy; `Account` is outer-joined."""
    cancelled = exists().where(
        OfferCancellationRow.account == account, OfferCancellationRow.hash == row.hash
    )
    approved = exists().where(
        PublishedOfferRow.account == account, PublishedOfferRow.hash == row.hash
    )
    return (
        row.withdrawn.is_(False),
        row.counter == func.coalesce(AccountRow.counter, literal(0, Uint256)),
        ~cancelled,
        # An approval may be gone with a reorg.
        or_(row.signature.is_not(None), approved),
    )


def _can_refill(pair: OpenOffer) -> bool:
    deal = pair.deal
    return deal is not None and deal.run < MAX_RUN and deal.units < pair.stored.offer.units


def _status_before(at: Indexed, stored: StoredDeveloperOffer, *, is_gone: bool) -> OfferStatus:
    if is_gone:
        return OfferStatus.CANCELLED
    if stored.offer.valid_until < at.timestamp:
        return OfferStatus.EXPIRED
    return OfferStatus(stored.state.value)


def _status_of_deal(stored: StoredDeveloperOffer, deal: DealView) -> OfferStatus:
    if deal.status in (DealStatus.ENDED, DealStatus.STOPPING):
        return OfferStatus.ENDED
    if deal.status == DealStatus.LAPSED:
        return OfferStatus.LAPSED
    states = {view.state for view in deal.live}
    if states == {AssignmentState.PENDING}:
        return OfferStatus.PENDING
    wanted = stored.offer.units if stored.target is None else stored.target
    return OfferStatus.SHORT if deal.units < wanted else OfferStatus.ACTIVE
