"""What queries about matching answer: offers, matches, submissions and notices as values."""

from dataclasses import dataclass
from typing import Any

from wasmarket.kernel.selection.wishes import SignedWish
from wasmarket.kernel.signing.offers import DeveloperOffer, ProviderOffer
from wasmarket.kernel.units import (
    Address,
    AssignmentId,
    BlockNumber,
    DealId,
    Hash,
)
from wasmarket.store.enums import (
    BookState,
    NoticeState,
    OfferSource,
    OfferStatus,
    SubmissionState,
)
from wasmarket.store.views import DealView


@dataclass(frozen=True, slots=True)
class StoredProviderOffer:
    """An ask as the matcher received it."""

    sequence: int
    hash: Hash
    provider: Address
    offer: ProviderOffer
    signature: str | None
    source: OfferSource
    received_at: int
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class StoredDeveloperOffer:
    """A bid as the matcher received it, and what its last attempt said."""

    sequence: int
    hash: Hash
    offer: DeveloperOffer
    signature: str | None
    permit: dict[str, Any] | None
    source: OfferSource
    received_at: int
    withdrawn: bool
    state: BookState
    reasons: tuple[Any, ...]
    tried_block: int | None
    target: int | None = None
    target_proof: dict[str, str] | None = None
    wish: SignedWish | None = None


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """A developer offer that can be matched or refilled.

    `replacing` are the alive assignments whose units are wanted elsewhere too before they go,
    `proofs` the signed requests that say so.
    """

    stored: StoredDeveloperOffer
    deal: DealView | None
    replacing: tuple[int, ...] = ()
    proofs: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OfferStatusView:
    """What became of a developer offer."""

    hash: Hash
    status: OfferStatus
    deal: DealId | None
    reasons: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MatchDraft:
    """A match as computed; `offers` and `fills` are JSON lists, amounts USDC base units."""

    engine: str
    block: BlockNumber
    block_hash: Hash
    book: Hash
    offer: Hash
    offers: list[str]
    fills: list[dict[str, Any]]
    total: int
    saving: int
    bound: int
    gap_ppm: int
    deal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchView(MatchDraft):
    """A match record: what was computed, and the transaction that brought it on chain."""

    id: int
    tx: Hash | None


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """A transaction of the matcher."""

    id: int
    tx_hash: Hash
    raw: bytes
    nonce: int
    purpose: str
    offer: Hash | None
    match: int | None
    state: SubmissionState
    reason: str | None
    created_at: int
    block_number: int | None


@dataclass(frozen=True, slots=True)
class NoticeDraft:
    """A hint to send: this assignment is new; the content can be had from `sources`."""

    assignment: AssignmentId
    deal: DealId
    block: BlockNumber
    tx: Hash
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoticeView(NoticeDraft):
    """A notice in the outbox and where its peer is reached now."""

    state: NoticeState
    attempts: int
    next_at: int
    error: str | None
    endpoint: str
