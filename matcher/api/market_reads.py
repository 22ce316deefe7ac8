"""What the routes of deals, assignments, peers, providers, epochs and records answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from matcher.api.per_block import PerBlock
from matcher.api.views.market import (
    AccountJson,
    AssignmentDetail,
    AssignmentJson,
    DealDetail,
    DealJson,
    EpochJson,
    MatchJson,
    OpportunitiesJson,
    OpportunityJson,
    PeerJson,
    ProviderJson,
    RegionFillJson,
    StatisticsJson,
    VersionJson,
    assignment_members,
    deal_members,
)
from matcher.api.views.peer_documents import PeerDocumentJson
from matcher.api.views.units import UnitsJson
from matcher.orderbook.lost_opportunities import begin_of, read_lost, sum_regions
from matcher.orderbook.reader import BookReader
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.units import Address, Hash
from wasmarket.serving.pages import Page, decode_cursor, encode_cursor
from wasmarket.store.chain.assignments import fetch_assignment, fetch_assignments, fetch_claimable
from wasmarket.store.chain.deals import VERSIONS, fetch_deal, fetch_deal_changes, fetch_deals
from wasmarket.store.chain.epochs import (
    Activity,
    fetch_activities,
    fetch_epochs,
    fetch_offered_units,
)
from wasmarket.store.chain.peers import (
    PeerFilter,
    fetch_peer,
    fetch_provider,
    fetch_providers,
)
from wasmarket.store.chain.state import fetch_account, fetch_indexed
from wasmarket.store.chain.statistics import fetch_statistics
from wasmarket.store.database import Database, Session
from wasmarket.store.matching.book_documents import (
    BookOutline,
    fetch_book_outline,
    fetch_book_parts,
)
from wasmarket.store.matching.lost_opportunities import fetch_region_fills
from wasmarket.store.matching.matches import fetch_latest_matches, fetch_match, fetch_matches
from wasmarket.store.matching.peer_checks import PeerCheck, fetch_peer_checks
from wasmarket.store.matching.peers.documents import (
    StoredDocument,
    fetch_peer_documents,
    filter_peers,
)
from wasmarket.store.views import EpochView, Indexed, PeerView

MOST_EPOCHS = 100
"""So many epochs back units are told of."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Running:
    """What runs in epochs that are not final; `views` are those that have begun."""

    activities: Sequence[Activity]
    views: dict[int, EpochView]


def _count_running(session: Session, at: Indexed) -> Running:
    first = at.final_epoch + 1
    activities = fetch_activities(session, at, first)
    views = fetch_epochs(session, at, first, at.epoch, activities=activities)
    return Running(activities, {view.epoch: view for view in views})


class MarketReads:
    """Reads what is indexed; every list is as of one block."""

    def __init__(self, database: Database, book: BookReader, *, asks_peers: bool = False) -> None:
        """Read from the store, and opportunities from the order book.

        `asks_peers`: whether this matcher asks peers for their keys.
        """
        self._database = database
        self._book = book
        self._asks_peers = asks_peers
        self._running = PerBlock(database, _count_running)
        self._offered = PerBlock(database, _count_offered)
        self._statistics = PerBlock(database, fetch_statistics)

    def read_deal(self, deal: int) -> DealDetail:
        """Return a deal, settled now. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            return DealDetail(block=at.block, **deal_members(fetch_deal(session, at, deal)))

    def list_deals(
        self,
        developer: Address | None,
        app: Hash | None,
        live: bool,
        cursor: str | None,
        limit: int,
    ) -> Page[DealJson]:
        """Return a page of deals by number."""

        def fetch(session: Session, at: Indexed, after: int) -> Sequence[Any]:
            return fetch_deals(
                session, at, developer=developer, app=app, live_only=live, after=after, limit=limit
            )

        return self._page(fetch, DealJson.build, cursor, limit)

    def list_assignments(
        self,
        deal: int | None,
        alive: bool,
        cursor: str | None,
        limit: int,
        *,
        provider: Address | None = None,
        peer: int | None = None,
    ) -> Page[AssignmentJson]:
        """Return a page of assignments. Raises NotFound for a deal that is not there."""

        def fetch(session: Session, at: Indexed, after: int) -> Sequence[Any]:
            if deal is not None:
                fetch_deal(session, at, deal)
            return fetch_assignments(
                session,
                at,
                deal=deal,
                provider=provider,
                peer=peer,
                alive_only=alive,
                after=after,
                limit=limit,
            )

        return self._page(fetch, AssignmentJson.build, cursor, limit)

    def list_matches(self, deal: int, cursor: str | None, limit: int) -> Page[MatchJson]:
        """Return a page of this matcher's records of a deal. Raises NotFound."""

        def fetch(session: Session, at: Indexed, after: int) -> Sequence[Any]:
            fetch_deal(session, at, deal)
            return fetch_matches(session, deal=deal, after=after, limit=limit)

        return self._page(fetch, MatchJson.build, cursor, limit)

    def list_latest_matches(self, cursor: str | None, limit: int) -> Page[MatchJson]:
        """Return a page of this matcher's records, the newest first."""
        key = decode_cursor(cursor, int)
        with self._database.read() as session:
            at = fetch_indexed(session)
            rows = fetch_latest_matches(session, before=key[0] if key else None, limit=limit)
        following = encode_cursor(rows[-1].id) if len(rows) == limit else None
        items = [MatchJson.build(row) for row in rows]
        return Page(items=items, next=following, block=at.block)

    def read_assignment(self, assignment: int) -> AssignmentDetail:
        """Return an assignment and what a claim would pay now. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            view = fetch_assignment(session, at, assignment)
            paid, refund = fetch_claimable(session, at, [assignment]).get(assignment, (0, 0))
        return AssignmentDetail(
            claimable_paid=paid,
            claimable_refund=refund,
            block=at.block,
            **assignment_members(view),
        )

    def read_match(self, match: int) -> MatchJson:
        """Return a match record. Raises NotFound."""
        with self._database.read() as session:
            return MatchJson.build(fetch_match(session, match))

    def read_book(self, digest: Hash) -> tuple[int, Iterator[bytes]]:
        """Return the size of a round's exact input, and its bytes bit by bit. Raises NotFound."""
        with self._database.read() as session:
            outline = fetch_book_outline(session, digest)
        return outline.size, self._read_parts(outline)

    def _read_parts(self, outline: BookOutline) -> Iterator[bytes]:
        for stretch in outline.stretches():
            with self._database.read() as session:
                content = fetch_book_parts(session, stretch)
            yield content

    def read_peer(self, peer: int) -> PeerJson:
        """Return a peer. Raises NotFound."""
        with self._database.read() as session:
            found = fetch_peer(session, peer)
            told = self._documents(session, fetch_indexed(session), [peer])
            return PeerJson.build(found, self._checks(session, [peer]).get(peer), told.get(peer))

    def read_peer_document(self, peer: int) -> PeerDocumentJson:
        """Return what a peer says of itself, as it signed it. Raises NotFound."""
        with self._database.read() as session:
            fetch_peer(session, peer)
            told = self._documents(session, fetch_indexed(session), [peer]).get(peer)
        if told is None:
            raise NotFound(
                f"peer {peer} says nothing of itself that this matcher knows",
                field="peer",
                remedy="ask the peer: GET /v1/peer at its endpoint",
            )
        return PeerDocumentJson.build(told)

    def list_peers(self, wanted: PeerFilter, cursor: str | None, limit: int) -> Page[PeerJson]:
        """Return a page of peers by number."""

        checks: dict[int, PeerCheck] = {}
        told: dict[int, StoredDocument] = {}

        def fetch(session: Session, at: Indexed, after: int) -> Sequence[Any]:
            found = filter_peers(session, wanted, at.timestamp, after, limit)
            ids = [peer.id for peer in found]
            checks.update(self._checks(session, ids))
            told.update(self._documents(session, at, ids))
            return found

        def build(view: PeerView) -> PeerJson:
            return PeerJson.build(view, checks.get(view.id), told.get(view.id))

        return self._page(fetch, build, cursor, limit)

    def _documents(
        self, session: Session, at: Indexed, peers: Sequence[int]
    ) -> dict[int, StoredDocument]:
        return fetch_peer_documents(session, at.timestamp, peers)

    def _checks(self, session: Session, peers: Sequence[int]) -> dict[int, PeerCheck]:
        return fetch_peer_checks(session, peers) if self._asks_peers else {}

    def read_account(self, address: Address) -> AccountJson:
        """Return an account; zeros for one that never touched the market."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            found = fetch_account(session, address)
        return AccountJson(address=address, free=found.free, counter=found.counter, block=at.block)

    def read_provider(self, address: Address) -> ProviderJson:
        """Return a provider; zeros for an account that has no peers."""
        with self._database.read() as session:
            return ProviderJson.build(fetch_provider(session, fetch_indexed(session), address))

    def list_providers(self, cursor: str | None, limit: int) -> Page[ProviderJson]:
        """Return a page of providers by address."""
        key = decode_cursor(cursor, str)
        with self._database.read() as session:
            at = fetch_indexed(session)
            rows = fetch_providers(session, at, after=key[0] if key else "", limit=limit)
        following = encode_cursor(rows[-1].address) if len(rows) == limit else None
        items = [ProviderJson.build(row) for row in rows]
        return Page(items=items, next=following, block=at.block)

    def list_opportunities(self, address: Address, epochs: int) -> OpportunitiesJson:
        """Return what a provider did not get in the last epochs, why, and how full its regions
        are."""
        with self._book.reading() as snapshot, self._database.read() as session:
            lost = read_lost(session, snapshot, address, epochs)
            since = begin_of(snapshot, epochs)
            everybody, own = sum_regions(snapshot), sum_regions(snapshot, address)
            regions = fetch_region_fills(session, address, since, everybody, own)
            block = snapshot.at.block
        return OpportunitiesJson(
            items=[OpportunityJson.build(entry) for entry in lost.entries],
            next=None,
            block=block,
            epochs=epochs,
            complete=lost.is_complete,
            regions=[RegionFillJson.build(entry) for entry in regions],
        )

    def list_versions(self, deal: int, cursor: str | None, limit: int) -> Page[VersionJson]:
        """Return a page of the apps that a deal had, in the order of the chain. Raises NotFound."""
        number, *place = decode_cursor(cursor, int, int, int) or (0,)
        with self._database.read() as session:
            at = fetch_indexed(session)
            fetch_deal(session, at, deal)
            after = (place[0], place[1]) if place else None
            rows = fetch_deal_changes(session, deal, kinds=VERSIONS, after=after, limit=limit)
        items = [VersionJson.build(number + index, row) for index, row in enumerate(rows, 1)]
        last = (number + len(rows), rows[-1].block, rows[-1].log_index) if rows else (number, 0, 0)
        following = encode_cursor(*last) if len(rows) == limit else None
        return Page(items=items, next=following, block=at.block)

    def list_epochs(self, cursor: str | None, limit: int) -> Page[EpochJson]:
        """Return a page of epochs, the newest first, down to the one of the first deal."""
        key = decode_cursor(cursor, int)
        with self._database.read() as session:
            at = fetch_indexed(session)
            first = _first_epoch(session, at)
            last = min(at.epoch, at.epoch if key is None else int(key[0]) - 1)
            views = self._read_epochs(session, at, max(first, last - limit + 1), last)
            items = [EpochJson.build(view, block) for view, block in reversed(views)]
        more = bool(items) and items[-1].epoch > first
        following = encode_cursor(items[-1].epoch) if more else None
        return Page(items=items, next=following, block=at.block)

    def list_units(self, limit: int) -> Page[UnitsJson]:
        """Return what was offered and sold in the last epochs, the newest first."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            offered, as_of = self._offered.get(session)
            first = at.epoch - limit + 1
            ran = max(first, _first_epoch(session, at))
            views = [view for view, _ in self._read_epochs(session, at, ran, at.epoch)]
        sold = {view.epoch: view.units for view in views}
        items = []
        for epoch in range(at.epoch, first - 1, -1):
            # Of an epoch that began since: what there was before it.
            units = offered.get(min(epoch, as_of.epoch), 0)
            used = sold.get(epoch, 0)
            if units or used or epoch == at.epoch:
                start = epoch * at.epoch_seconds
                left = max(0, units - used)
                items.append(
                    UnitsJson(epoch=epoch, start=start, offered=units, sold=used, free=left)
                )
        return Page(items=items, next=None, block=as_of.block)

    def read_statistics(self) -> StatisticsJson:
        """Return the totals of the market; of offers, those that there are now."""
        with self._book.reading() as snapshot, self._database.read() as session:
            found, at = self._statistics.get(session)
            return StatisticsJson(
                provider_offers=sum(map(len, snapshot.books.values())),
                developer_offers=len(snapshot.open),
                epoch=at.epoch,
                block=at.block,
                **asdict(found),
            )

    def read_epoch(self, epoch: int) -> EpochJson:
        """Return what ran in an epoch."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            [(view, block)] = self._read_epochs(session, at, epoch, epoch)
        return EpochJson.build(view, block)

    def _read_epochs(
        self, session: Session, at: Indexed, first: int, last: int
    ) -> list[tuple[EpochView, int]]:
        """Return epochs, each with the block that it is as of."""
        final = min(last, at.final_epoch)
        found: list[tuple[EpochView, int]] = []
        if first <= final:
            found = [(view, at.block) for view in fetch_epochs(session, at, first, final)]
        if last <= at.final_epoch or first > last:
            return found
        running, as_of = self._running.get(session)
        for epoch in range(max(first, at.final_epoch + 1), last + 1):
            view = running.views.get(epoch)
            if view is None:
                [view] = fetch_epochs(session, as_of, epoch, epoch, activities=running.activities)
            found.append((replace(view, is_final=epoch <= at.final_epoch), as_of.block))
        return found

    def _page(
        self,
        fetch: Callable[[Session, Indexed, int], Sequence[Any]],
        build: Callable[[Any], Item],
        cursor: str | None,
        limit: int,
    ) -> Page[Item]:
        """Return the page of numbered rows that begins behind the cursor."""
        key = decode_cursor(cursor, int)
        with self._database.read() as session:
            at = fetch_indexed(session)
            rows = fetch(session, at, key[0] if key else 0)
        following = encode_cursor(rows[-1].id) if len(rows) == limit else None
        return Page(items=[build(row) for row in rows], next=following, block=at.block)


def _first_epoch(session: Session, at: Indexed) -> int:
    """Return the epoch of the first deal, or this one where there is none."""
    deals = fetch_deals(session, at, limit=1)
    return deals[0].created_at // at.epoch_seconds if deals else at.epoch


def _count_offered(session: Session, at: Indexed) -> dict[int, int]:
    first = at.epoch - MOST_EPOCHS + 1
    return dict(enumerate(fetch_offered_units(session, first, at.epoch), first))
