"""JSON of what the chain knows: deals, assignments, peers, providers, epochs; and match records."""

from typing import Any

from pydantic import BaseModel

from matcher.api.views.peer_documents import DocumentSummary
from matcher.orderbook.lost_opportunities import Lost
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.reasons import EndKind, describe
from wasmarket.kernel.units import Hash
from wasmarket.serving.amounts import Uint
from wasmarket.serving.pages import Page
from wasmarket.store.matching.lost_opportunities import RegionFill
from wasmarket.store.matching.peer_checks import PeerCheck
from wasmarket.store.matching.peers.documents import StoredDocument
from wasmarket.store.matching.views import MatchView
from wasmarket.store.views import (
    AssignmentView,
    DealChangeView,
    DealView,
    EpochView,
    PeerView,
    ProviderView,
)

NO_OFFER = "no offer of the provider was in the book"


class AssignmentJson(BaseModel):
    """Units of a peer in a deal. `alive` and `end` are settled as of the answer's block.

    `work`: the most that vouchers were redeemed for; `convicted`: its bond was seized.
    """

    id: int
    deal: int
    peer: int
    provider: str
    key: str
    wallet: str
    endpoint: str
    region: int
    memory_mib: int
    units: int
    price: Uint
    offer: str
    run: int
    state: str
    alive: bool
    start: int | None
    next: int | None
    end: int | None
    skipped: int
    assigned_block: int
    assigned_at: int
    tx: str
    ended_at: int | None
    ended_kind: str | None
    why: int | None
    why_text: str | None
    paid: Uint
    refunded: Uint
    work: Uint
    convicted: bool

    @classmethod
    def build(cls, view: AssignmentView) -> "AssignmentJson":
        """Render an assignment."""
        return cls(**assignment_members(view))


class AssignmentDetail(AssignmentJson):
    """An assignment with what a claim would pay now."""

    claimable_paid: Uint
    claimable_refund: Uint
    block: int


class DealJson(BaseModel):
    """A deal, settled as of the answer's block; `assignments` are the alive ones.

    `meter` signs the usage of a metered deal; the zero address: reserved.
    """

    id: int
    developer: str
    offer: str
    app: str
    version: int
    status: str
    runway: Uint
    balance: Uint
    rate: Uint
    deposit: Uint
    settled: int
    end: int
    units: int
    run: int
    stopped: bool
    last_funded: int | None
    lapsed_at: int | None
    created_block: int
    created_at: int
    tx: str
    meter: str
    assignments: list[AssignmentJson]

    @classmethod
    def build(cls, view: DealView) -> "DealJson":
        """Render a deal."""
        return cls(**deal_members(view))


class DealDetail(DealJson):
    """A deal as of a block."""

    block: int


class ReachableJson(BaseModel):
    """Whether a peer answers at its endpoint with its key, as this matcher saw it last.

    `since` (seconds of the matcher's clock): when that began; `problem`: how it failed last.
    """

    answers: bool
    since: int
    problem: str | None


class PeerJson(BaseModel):
    """A peer; `proven` is the last epoch that it proved, null before the first. `reachable` is
    null where this matcher does not ask: offers of peers that do not answer are passed over.
    `document`: what the peer says of itself, null for nothing that this matcher knows."""

    id: int
    provider: str
    key: str
    units: int
    used: int
    free: int
    memory_mib: int
    region: int
    traits: Uint
    wallet: str
    endpoint: str
    registered_block: int
    registered_at: int
    proven: int | None
    reachable: ReachableJson | None
    document: DocumentSummary | None

    @classmethod
    def build(
        cls,
        view: PeerView,
        check: PeerCheck | None = None,
        told: StoredDocument | None = None,
    ) -> "PeerJson":
        """Render a peer."""
        members = {name: getattr(view, name) for name in _OF_PEER}
        reachable = None
        if check is not None:
            reachable = ReachableJson(
                answers=check.answers, since=check.since, problem=check.problem
            )
        document = None if told is None else DocumentSummary.build(told.document)
        return cls(reachable=reachable, document=document, **members)


_OF_PEER = frozenset(PeerJson.model_fields) - {"reachable", "document"}


class AccountJson(BaseModel):
    """An account: USDC that it can withdraw, and the counter that its offers must carry."""

    address: str
    free: Uint
    counter: Uint
    block: int


class ProviderJson(BaseModel):
    """A provider: USDC free and paid ever, FLT stake, peers and units."""

    address: str
    free: Uint
    counter: Uint
    stake_free: Uint
    stake_locked: Uint
    leaving: Uint
    ready: int
    peers: int
    units: int
    used: int
    alive_units: int
    paid: Uint

    @classmethod
    def build(cls, view: ProviderView) -> "ProviderJson":
        """Render a provider."""
        return cls(**{name: getattr(view, name) for name in ProviderJson.model_fields})


class EpochJson(BaseModel):
    """What ran in an epoch, `start` and `end` in seconds."""

    epoch: int
    start: int
    end: int
    is_final: bool
    committed: int
    peers: int
    assignments: int
    units: int
    billed: Uint
    block: int

    @classmethod
    def build(cls, view: EpochView, block: int) -> "EpochJson":
        """Render an epoch."""
        names = EpochJson.model_fields.keys() - {"block"}
        return cls(block=block, **{name: getattr(view, name) for name in names})


class FillJson(BaseModel):
    """A provider offer and the units taken of it."""

    offer: str
    units: int
    price: Uint


class MatchJson(BaseModel):
    """A match record. `bound` and `gap_ppm` are of the round, all else of this match."""

    id: int
    engine: str
    block: int
    block_hash: str
    book: str
    offer: str
    deal: int | None
    offers: list[str]
    fills: list[FillJson]
    total: Uint
    saving: Uint
    bound: Uint
    gap_ppm: int
    tx: str | None

    @classmethod
    def build(cls, view: MatchView) -> "MatchJson":
        """Render a match record."""
        return cls(**{name: getattr(view, name) for name in MatchJson.model_fields})


class VersionJson(BaseModel):
    """An app that a deal was given; `version` counts from 1, the one that made the deal."""

    version: int
    app: str
    cid: str
    at: int
    tx: str
    in_block: int

    @classmethod
    def build(cls, version: int, view: DealChangeView) -> "VersionJson":
        """Render a change that names an app."""
        app = Hash(view.app or "")
        return cls(
            version=version,
            app=app,
            cid=str(app_cid(app)),
            at=view.timestamp,
            tx=view.tx_hash,
            in_block=view.block,
        )


class OpportunityJson(BaseModel):
    """A demand that went elsewhere; prices are per unit and epoch.

    `epoch` null: still open. `price_taken`: the dearest unit that was taken of others.
    `price_to_win` null: price alone would not have helped. `match`: the record of it, from whose
    book this follows; null for what others matched, which is judged by the offers of today.
    """

    offer: str
    deal: int | None
    developer: str
    units: int
    max_price: Uint
    epoch: int | None
    match: int | None
    price_taken: Uint | None
    price_to_win: Uint | None
    lost_by: Uint | None
    reasons: list[str]

    @classmethod
    def build(cls, lost: Lost) -> "OpportunityJson":
        """Render an opportunity."""
        view = lost.opportunity
        demand = view.demand
        reasons = [describe(reason) for reason in view.reasons]
        reasons += [f"the developer's wish {name} excludes its peers" for name in view.wishes]
        if not reasons and view.price_to_win is None:
            reasons = [NO_OFFER]
        return cls(
            offer=demand.hash,
            deal=demand.deal or None,
            developer=demand.offer.developer,
            units=demand.offer.units,
            max_price=demand.offer.max_price,
            epoch=lost.epoch,
            match=lost.match,
            price_taken=lost.taken,
            price_to_win=view.price_to_win,
            lost_by=view.lost_by,
            reasons=reasons,
        )


class RegionFillJson(BaseModel):
    """How full a region is: its units for sale and used, the provider's own, and the units that
    were matched in these epochs, by anybody and of the provider (`won`)."""

    region: int
    market_units: int
    market_used: int
    units: int
    used: int
    matched: int
    won: int

    @classmethod
    def build(cls, view: RegionFill) -> "RegionFillJson":
        """Render a region."""
        return cls(**{name: getattr(view, name) for name in RegionFillJson.model_fields})


class OpportunitiesJson(Page[OpportunityJson]):
    """What a provider did not get in the last `epochs`; at most 200, newest first after the open
    ones. `complete` false: there was more than that."""

    epochs: int
    complete: bool
    regions: list[RegionFillJson]


class StatisticsJson(BaseModel):
    """Totals of the market. `deposited`, `paid`, `refunded`: USDC ever; `matches`: of this store;
    `provider_offers` are live, `developer_offers` still want units."""

    providers: int
    peers: int
    units: int
    used: int
    deals: int
    live_deals: int
    deposited: Uint
    assignments: int
    active: int
    paid: Uint
    refunded: Uint
    matches: int
    provider_offers: int
    developer_offers: int
    epoch: int
    block: int


def assignment_members(view: AssignmentView) -> dict[str, Any]:
    """Return the members of an assignment's JSON."""
    special = {"end", "tx", "ended_kind", "why_text"}
    names = AssignmentJson.model_fields.keys() - special
    kind = None if view.ended_kind is None else EndKind(view.ended_kind).name.lower()
    return {name: getattr(view, name) for name in names} | {
        "end": view.end_of,
        "tx": view.tx_hash,
        "ended_kind": kind,
        "why_text": describe(view.why) if view.why else None,
    }


def deal_members(view: DealView) -> dict[str, Any]:
    """Return the members of a deal's JSON."""
    names = DealJson.model_fields.keys() - {"tx", "assignments"}
    return {name: getattr(view, name) for name in names} | {
        "tx": view.tx_hash,
        "assignments": [AssignmentJson.build(entry) for entry in view.live],
    }
