"""Routes for deals, assignments, peers, providers, epochs and match records."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import WithJsonSchema

from matcher.api.market_reads import MOST_EPOCHS, MarketReads
from matcher.api.views.market import (
    AccountJson,
    AssignmentDetail,
    AssignmentJson,
    DealDetail,
    DealJson,
    EpochJson,
    MatchJson,
    OpportunitiesJson,
    PeerJson,
    ProviderJson,
    StatisticsJson,
    VersionJson,
)
from matcher.api.views.peer_documents import PeerDocumentJson, SiteJson
from matcher.api.views.units import UnitsJson
from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.selection.peer_document import (
    CLAIM_KIND,
    MAX_CLAIM_KIND,
    MAX_CLAIMS,
    parse_claim_kind,
)
from wasmarket.kernel.selection.sites import MAX_ID, sites
from wasmarket.kernel.units import Address, Hash
from wasmarket.serving.pages import DEFAULT_LIMIT, Cursor, Limit, Page
from wasmarket.serving.texts import AddressText, HashText
from wasmarket.store.chain.peers import PeerFilter

Number = Annotated[int, Path(ge=0, lt=2**63)]
ClaimKind = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": f"^{CLAIM_KIND}$", "maxLength": MAX_CLAIM_KIND}),
]


def market_routes(reads: MarketReads) -> APIRouter:
    """Return the routes that read the market."""
    router = APIRouter()

    @router.get("/v1/deals", tags=["deals"])
    def list_deals(
        developer: AddressText | None = None,
        app: HashText | None = None,
        live: bool = False,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[DealJson]:
        """Deals by number; `live`: only those that have not ended."""
        return reads.list_deals(
            _account(developer, "developer"), _hash(app, "app"), live, cursor, limit
        )

    @router.get("/v1/deals/{deal}", tags=["deals"])
    def read_deal(deal: Number) -> DealDetail:
        """One deal, settled now, with its live assignments and their endpoints."""
        return reads.read_deal(deal)

    @router.get("/v1/deals/{deal}/assignments", tags=["deals"])
    def list_assignments(
        deal: Number, alive: bool = False, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[AssignmentJson]:
        """Assignments of a deal, also those that have ended."""
        return reads.list_assignments(deal, alive, cursor, limit)

    @router.get("/v1/deals/{deal}/matches", tags=["deals"])
    def list_matches(
        deal: Number, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[MatchJson]:
        """Records of the matches that this matcher made for a deal."""
        return reads.list_matches(deal, cursor, limit)

    @router.get("/v1/deals/{deal}/versions", tags=["deals"])
    def list_versions(
        deal: Number, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[VersionJson]:
        """The apps that a deal was given, the one that made it first."""
        return reads.list_versions(deal, cursor, limit)

    @router.get("/v1/assignments", tags=["deals"])
    def list_all_assignments(
        provider: AddressText | None = None,
        peer: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        alive: bool = False,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[AssignmentJson]:
        """Assignments by number, of every deal; `alive`: only those that hold units now."""
        return reads.list_assignments(
            None, alive, cursor, limit, provider=_account(provider, "provider"), peer=peer
        )

    @router.get("/v1/assignments/{assignment}", tags=["deals"])
    def read_assignment(assignment: Number) -> AssignmentDetail:
        """One assignment, and what a claim would pay now."""
        return reads.read_assignment(assignment)

    @router.get("/v1/matches", tags=["matches"])
    def list_latest_matches(cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Page[MatchJson]:
        """This matcher's records, the newest first."""
        return reads.list_latest_matches(cursor, limit)

    @router.get("/v1/matches/{match}", tags=["matches"])
    def read_match(match: Number) -> MatchJson:
        """One match record."""
        return reads.read_match(match)

    @router.get("/v1/books/{digest}", tags=["matches"])
    def read_book(digest: HashText) -> Response:
        """The exact input of a round; SHA-256 of these bytes is the digest."""
        size, content = reads.read_book(parse_hash(digest, field="digest"))
        headers = {"Content-Length": str(size)}
        return StreamingResponse(content, media_type="application/json", headers=headers)

    @router.get("/v1/peers", tags=["peers"])
    def list_peers(
        provider: AddressText | None = None,
        region: Annotated[int | None, Query(ge=0, le=255)] = None,
        min_memory_mib: Annotated[
            int, Query(ge=0, lt=2**32, description="MiB of each unit, by the chain")
        ] = 0,
        site: Annotated[
            str | None,
            Query(max_length=MAX_ID, description="data center, as the peer says"),
        ] = None,
        min_speed: Annotated[
            int, Query(ge=0, lt=2**32, description="10^6 fuel per second and unit, as it measured")
        ] = 0,
        claim: Annotated[
            list[ClaimKind],
            Query(max_length=MAX_CLAIMS, description="what it claims; all of these"),
        ] = [],  # noqa: B006 - FastAPI copies defaults
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[PeerJson]:
        """Peers by number; what they say of themselves is their word, signed with their keys."""
        wanted = PeerFilter(
            _account(provider, "provider"),
            region,
            min_memory_mib,
            site,
            min_speed,
            tuple(parse_claim_kind(kind, "claim") for kind in claim),
        )
        return reads.list_peers(wanted, cursor, limit)

    @router.get("/v1/sites", tags=["peers"])
    def list_sites() -> list[SiteJson]:
        """The committed list of data centers that peers and wishes name."""
        return [SiteJson(**asdict(site)) for site in sites().values()]

    @router.get("/v1/peers/{peer}/document", tags=["peers"])
    def read_peer_document(peer: Number) -> PeerDocumentJson:
        """What a peer says of itself as its key signed it, to be checked by whoever reads it."""
        return reads.read_peer_document(peer)

    @router.get("/v1/peers/{peer}", tags=["peers"])
    def read_peer(peer: Number) -> PeerJson:
        """One peer."""
        return reads.read_peer(peer)

    @router.get("/v1/accounts/{address}", tags=["providers"])
    def read_account(address: AddressText) -> AccountJson:
        """Any account: its free balance and the counter of its offers."""
        return reads.read_account(parse_address(address, field="address"))

    @router.get("/v1/providers", tags=["providers"])
    def list_providers(cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Page[ProviderJson]:
        """Providers by address."""
        return reads.list_providers(cursor, limit)

    @router.get("/v1/providers/{address}", tags=["providers"])
    def read_provider(address: AddressText) -> ProviderJson:
        """One provider: money, stake, peers and units."""
        return reads.read_provider(parse_address(address, field="address"))

    @router.get("/v1/providers/{address}/opportunities", tags=["providers"])
    def list_opportunities(
        address: AddressText,
        epochs: Annotated[int, Query(ge=1, le=10_000, description="this one included")] = 10,
    ) -> OpportunitiesJson:
        """What the provider did not get lately: why, by how much, and at which price it would."""
        return reads.list_opportunities(parse_address(address, field="address"), epochs)

    @router.get("/v1/epochs", tags=["epochs"])
    def list_epochs(
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=100, description="most items of a page")] = 10,
    ) -> Page[EpochJson]:
        """Epochs, the newest first, back to the first deal."""
        return reads.list_epochs(cursor, limit)

    @router.get("/v1/units", tags=["epochs"])
    def list_units(
        limit: Annotated[int, Query(ge=1, le=MOST_EPOCHS, description="how many epochs")] = 48,
    ) -> Page[UnitsJson]:
        """Units that were offered, sold and free, by epoch, the newest first."""
        return reads.list_units(limit)

    @router.get("/v1/statistics", tags=["epochs"])
    def read_statistics() -> StatisticsJson:
        """Totals of the whole market."""
        return reads.read_statistics()

    @router.get("/v1/epochs/{epoch}", tags=["epochs"])
    def read_epoch(epoch: Annotated[int, Path(ge=0, lt=2**32)]) -> EpochJson:
        """What ran in an epoch, and who proved it."""
        return reads.read_epoch(epoch)

    return router


def _account(text: str | None, field: str) -> Address | None:
    return None if text is None else parse_address(text, field=field)


def _hash(text: str | None, field: str) -> Hash | None:
    return None if text is None else parse_hash(text, field=field)
