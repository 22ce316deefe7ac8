"""Gather what a provider could have served: open offers, deals that others serve, lost matches."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from matcher.engine.answers.opportunities import Contest, Opportunity, find_opportunities
from matcher.orderbook.document import BookDocument, load_book
from matcher.orderbook.snapshot import Snapshot, to_demand
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.units import Address, Hash
from wasmarket.store.chain.deals import fetch_newest_live_deals
from wasmarket.store.database import Session
from wasmarket.store.matching.book_documents import fetch_book
from wasmarket.store.matching.lost_opportunities import (
    MinedMatch,
    RegionSums,
    fetch_mined_matches,
)
from wasmarket.store.matching.offers import fetch_developer_offer
from wasmarket.store.views import DealView

MOST = 200
PAGE = 100
"""Deals that are looked at together."""

READ_AT_MOST = 32_000_000
"""Bytes of books that one question may have read."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a provider did not get: now open (`epoch` None), or matched to others in an epoch.

    `match` is the record of it; without one another matcher made it, and the provider's offers of
    today were compared. `taken` is the dearest price that was paid.
    """

    opportunity: Opportunity
    epoch: int | None
    match: int | None
    taken: int | None


@dataclass(frozen=True, slots=True)
class LostDeals:
    """Newest first; `is_complete`: nothing was left out for want of room."""

    entries: tuple[Lost, ...]
    is_complete: bool


def read_lost(session: Session, snapshot: Snapshot, provider: Address, epochs: int) -> LostDeals:
    """Return what a provider did not get in the last epochs, this one included."""
    since = begin_of(snapshot, epochs)
    mined = fetch_mined_matches(session, since, MOST)
    past, is_complete = _read_past(session, snapshot, provider, mined)
    known = {Hash(entry.record.offer) for entry in mined} | snapshot.open.keys()
    entries = [*_read_open(snapshot, provider), *past]
    entries += _read_foreign(session, snapshot, provider, since, known)
    return LostDeals(tuple(entries[:MOST]), is_complete and len(entries) <= MOST)


def begin_of(snapshot: Snapshot, epochs: int) -> int:
    """Return when the last so many epochs began, in seconds of the chain."""
    return max(0, snapshot.at.epoch - epochs + 1) * snapshot.at.epoch_seconds


def sum_regions(snapshot: Snapshot, provider: Address | None = None) -> RegionSums:
    """Return the units of a provider's peers, or of everybody's, by region."""
    # Every peer is in each of the books.
    return snapshot.books[PriceKind.RESERVED].sum_regions(provider)


def _read_open(snapshot: Snapshot, provider: Address) -> list[Lost]:
    of_others = (
        entry
        for entry in snapshot.open.values()
        if entry.deal is None or not _serves(entry.deal, provider)
    )
    chosen = [
        Contest(to_demand(entry.stored, entry.deal, epoch_seconds=snapshot.at.epoch_seconds), None)
        for entry in islice(of_others, MOST)
    ]
    return [
        Lost(entry, None, None, None)
        for kind, book in snapshot.books.items()
        for entry in find_opportunities(
            provider, [contest for contest in chosen if contest.demand.kind == kind], book
        )
    ]


def _read_past(
    session: Session, snapshot: Snapshot, provider: Address, mined: Sequence[MinedMatch]
) -> tuple[list[Lost], bool]:
    """Compare the provider's offers with those that were chosen, in the book of that time."""
    books: dict[Hash, BookDocument] = {}
    left = READ_AT_MOST
    lost: list[Lost] = []
    for entry in mined:
        digest = Hash(entry.record.book)
        if digest not in books:
            left -= entry.book_size
            if left < 0:
                return lost, False
            books[digest] = load_book(fetch_book(session, digest))
        lost += _compare(entry, books[digest], provider, snapshot.at.epoch_seconds)
    return lost, len(mined) < MOST


def _compare(
    entry: MinedMatch, document: BookDocument, provider: Address, epoch_seconds: int
) -> list[Lost]:
    record = entry.record
    demand = next((d for d in document.demands if d.hash == record.offer), None)
    chosen = [document.book.get_ask(Hash(fill["offer"])) for fill in record.fills]
    peers = [document.book.get_peer(ask.offer.peer) for ask in chosen if ask is not None]
    if demand is None or any(peer is not None and peer.provider == provider for peer in peers):
        return []
    taken = max(int(fill["price"]) for fill in record.fills)
    contest = Contest(replace(demand, deal=record.deal or 0), taken)
    return [
        Lost(found, entry.mined_at // epoch_seconds, record.id, taken)
        for found in find_opportunities(provider, [contest], document.book)
    ]


def _read_foreign(
    session: Session,
    snapshot: Snapshot,
    provider: Address,
    since: int,
    known: Collection[Hash],
) -> list[Lost]:
    """Look at live deals that others matched, as they were before anybody had them."""
    lost: list[Lost] = []
    before: int | None = None
    at = snapshot.at
    while deals := fetch_newest_live_deals(session, at, since=since, before=before, limit=PAGE):
        for deal in deals:
            if len(lost) >= MOST:
                return lost
            if deal.live and Hash(deal.offer) not in known:
                lost += _judge_foreign(session, snapshot, provider, deal)
        if len(deals) < PAGE:
            break
        before = deals[-1].id
    return lost


def _judge_foreign(
    session: Session, snapshot: Snapshot, provider: Address, deal: DealView
) -> list[Lost]:
    if _serves(deal, provider):
        return []
    try:
        stored = fetch_developer_offer(session, Hash(deal.offer))
    except NotFound:
        return []
    taken = max(entry.price for entry in deal.live)
    demand = to_demand(stored, None, epoch_seconds=snapshot.at.epoch_seconds)
    contest = Contest(replace(demand, deal=deal.id), taken)
    epoch = deal.created_at // snapshot.at.epoch_seconds
    found = find_opportunities(provider, [contest], snapshot.book_for(contest.demand))
    return [Lost(entry, epoch, None, taken) for entry in found]


def _serves(deal: DealView, provider: Address) -> bool:
    return any(entry.provider == provider for entry in deal.live)
