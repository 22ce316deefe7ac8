"""What the routes of offers answer, read from the store and the book."""

from collections.abc import Mapping

from matcher.api.views.offers import (
    ExclusionView,
    ExplanationView,
    FullOfferView,
    OfferView,
    PriceDistanceView,
    RelaxationView,
    SupplyView,
)
from matcher.engine.answers.explain import Explanation, Supply, explain
from matcher.engine.answers.price_distance import PriceDistance, find_price_distance
from matcher.engine.answers.relaxations import Relaxation
from matcher.offers.peer_checks import describe_check, describe_unreachable
from matcher.orderbook.reader import BookReader
from matcher.orderbook.snapshot import read_avoided, to_demand
from wasmarket.kernel.selection.wishes import NO_WISH, dump_wish
from wasmarket.kernel.signing.offers import dump_offer
from wasmarket.kernel.units import Address, Hash
from wasmarket.serving.pages import Page, decode_cursor, encode_cursor
from wasmarket.store.chain.deals import fetch_deal_of_offer
from wasmarket.store.chain.state import fetch_cancelled, fetch_counters, fetch_indexed
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import OfferStatus
from wasmarket.store.matching.live_offers import fetch_offer_statuses
from wasmarket.store.matching.offers import (
    fetch_developer_offer,
    fetch_developer_offers,
    fetch_provider_offer,
    fetch_provider_offers,
)
from wasmarket.store.matching.peer_checks import (
    PeerCheck,
    fetch_peer_checks,
    fetch_unreachable_supply,
)
from wasmarket.store.matching.replacements import fetch_replacements
from wasmarket.store.matching.views import (
    OfferStatusView,
    StoredDeveloperOffer,
    StoredProviderOffer,
)
from wasmarket.store.views import Indexed

WITHDRAWN = "withdrawn from this matcher; Market.cancel makes it final everywhere"


class OfferReads:
    """Reads offers as of the last indexed block."""

    def __init__(self, database: Database, book: BookReader, *, asks_peers: bool = False) -> None:
        """Read from the store, and explain from the order book.

        `asks_peers`: whether this matcher asks peers for their keys.
        """
        self._database = database
        self._book = book
        self._asks_peers = asks_peers

    def read_bid(self, offer: Hash) -> OfferView:
        """Return the state of a bid. Raises NotFound."""
        full = self.read_full_bid(offer)
        return OfferView(**{name: getattr(full, name) for name in OfferView.model_fields})

    def read_ask(self, offer: Hash) -> OfferView:
        """Return the state of an ask. Raises NotFound."""
        full = self.read_full_ask(offer)
        return OfferView(**{name: getattr(full, name) for name in OfferView.model_fields})

    def read_full_bid(self, offer: Hash) -> FullOfferView:
        """Return a bid with its terms. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            return _bid_views(session, at, [fetch_developer_offer(session, offer)])[0]

    def read_full_ask(self, offer: Hash) -> FullOfferView:
        """Return an ask with its terms. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            return self._ask_views(session, at, [fetch_provider_offer(session, offer)])[0]

    def owner_of_ask(self, offer: Hash) -> Address:
        """Return the provider that an ask is of. Raises NotFound."""
        with self._database.read() as session:
            return Address(fetch_provider_offer(session, offer).provider)

    def list_bids(
        self, developer: Address | None, cursor: str | None, limit: int
    ) -> Page[FullOfferView]:
        """Return a page of bids."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            rows = fetch_developer_offers(
                session, developer=developer, after=_after(cursor), limit=limit
            )
            items = _bid_views(session, at, rows)
        return Page(items=items, next=_next(rows, limit), block=at.block)

    def list_asks(
        self, provider: Address | None, peer: int | None, cursor: str | None, limit: int
    ) -> Page[FullOfferView]:
        """Return a page of asks."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            rows = fetch_provider_offers(
                session, provider=provider, peer=peer, after=_after(cursor), limit=limit
            )
            items = self._ask_views(session, at, rows)
        return Page(items=items, next=_next(rows, limit), block=at.block)

    def _ask_views(
        self, session: Session, at: Indexed, rows: list[StoredProviderOffer]
    ) -> list[FullOfferView]:
        peers = {row.offer.peer for row in rows} if self._asks_peers else ()
        return _ask_views(session, at, rows, fetch_peer_checks(session, peers))

    def explain_bid(self, offer: Hash) -> ExplanationView:
        """Explain a bid over the book as it is now. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            stored = fetch_developer_offer(session, offer)
            deal = fetch_deal_of_offer(session, at, offer, stored.offer.developer)
            deals = [] if deal is None else [deal.id]
            avoid = read_avoided(session, at, deals)
            replacing = fetch_replacements(session, deals)
            notes = self._read_notes(session, at)
        wish = NO_WISH if stored.wish is None else stored.wish.wish
        with self._book.reading(wish) as snapshot:
            demand = to_demand(
                stored,
                deal,
                avoid,
                replacing.get(deal.id, ()) if deal else (),
                epoch_seconds=at.epoch_seconds,
            )
            book = snapshot.book_for(demand)
            explanation = explain(demand, book)
            distance = find_price_distance(demand, book)
            block = snapshot.at.block
        if explanation.measured:
            notes = [explanation.measured, *notes]
        return _explanation_view(offer, explanation, distance, notes, block)

    def _read_notes(self, session: Session, at: Indexed) -> list[str]:
        if not self._asks_peers:
            return []
        note = describe_unreachable(fetch_unreachable_supply(session, at.timestamp))
        return [note] if note else []


def _bid_views(
    session: Session, at: Indexed, rows: list[StoredDeveloperOffer]
) -> list[FullOfferView]:
    statuses = fetch_offer_statuses(session, at, rows)
    return [_bid_view(stored, known) for stored, known in zip(rows, statuses, strict=True)]


def _bid_view(stored: StoredDeveloperOffer, known: OfferStatusView) -> FullOfferView:
    reasons = [str(reason) for reason in known.reasons]
    if known.status in (OfferStatus.ACTIVE, OfferStatus.PENDING, OfferStatus.ENDED):
        reasons = []
    return FullOfferView(
        hash=known.hash,
        status=known.status.value,
        deal=known.deal,
        reasons=[*reasons, WITHDRAWN] if stored.withdrawn else reasons,
        offer=dump_offer(stored.offer),
        signature=stored.signature,
        source=stored.source.value,
        received_at=stored.received_at,
        wish=None if stored.wish is None else dump_wish(stored.wish.wish),
        wish_signature=None if stored.wish is None else stored.wish.signature,
    )


def _ask_views(
    session: Session,
    at: Indexed,
    rows: list[StoredProviderOffer],
    checks: Mapping[int, PeerCheck],
) -> list[FullOfferView]:
    keys = [(Address(row.provider), Hash(row.hash)) for row in rows]
    cancelled = fetch_cancelled(session, keys)
    counters = fetch_counters(session, [account for account, _ in keys])
    views = []
    for row, key in zip(rows, keys, strict=True):
        gone = row.withdrawn or key in cancelled or counters[key[0]] != row.offer.counter
        late = row.offer.valid_until < at.timestamp
        status = OfferStatus.CANCELLED if gone else OfferStatus.EXPIRED if late else None
        reasons = [WITHDRAWN] if row.withdrawn else []
        check = checks.get(row.offer.peer)
        if status is None and check is not None and not check.answers:
            reasons.append(describe_check(check))
        views.append(
            FullOfferView(
                hash=row.hash,
                status=(status or OfferStatus.POSTED).value,
                deal=None,
                reasons=reasons,
                offer=dump_offer(row.offer),
                signature=row.signature,
                source=row.source.value,
                received_at=row.received_at,
            )
        )
    return views


def _explanation_view(
    offer: Hash,
    explanation: Explanation,
    distance: PriceDistance,
    notes: list[str],
    block: int,
) -> ExplanationView:
    return ExplanationView(
        hash=offer,
        want=explanation.want,
        units=explanation.units,
        price_distance=PriceDistanceView(any=distance.any, all=distance.all),
        excluded=[
            ExclusionView(
                constraint=entry.constraint, alone=_supply(entry.alone), last=_supply(entry.last)
            )
            for entry in explanation.excluded
        ],
        together=list(explanation.together),
        relaxations=[_relaxation(entry) for entry in explanation.relaxations],
        notes=notes,
        block=block,
    )


def _supply(supply: Supply) -> SupplyView:
    return SupplyView(peers=supply.peers, units=supply.units)


def _relaxation(entry: Relaxation) -> RelaxationView:
    return RelaxationView(
        field=entry.field,
        from_=_json(entry.before),
        to=_json(entry.after),
        units=entry.units,
        price=entry.price,
        peers=entry.peers,
    )


def _json(value: int | tuple[str, ...]) -> str | list[str]:
    return list(value) if isinstance(value, tuple) else str(value)


def _after(cursor: str | None) -> int:
    key = decode_cursor(cursor, int)
    return int(key[0]) if key else 0


def _next(rows: list[StoredDeveloperOffer] | list[StoredProviderOffer], limit: int) -> str | None:
    return encode_cursor(rows[-1].sequence) if len(rows) == limit else None
