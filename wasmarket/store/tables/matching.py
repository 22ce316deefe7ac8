"""What the matcher proposed, sent and announced: records, books, submissions, notices."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wasmarket.kernel.units import (
    Address,
    Amount,
    AssignmentId,
    BlockNumber,
    DealId,
    Hash,
    PeerId,
    Timestamp,
)
from wasmarket.store.columns import Base, Serial, not_negative, one_of
from wasmarket.store.enums import NoticeState, SubmissionState, Uint


class BookDocumentRow(Base):
    """The exact input of a match by its digest: canonical JSON of `size` bytes.

    `content` has the digests of its parts, one behind the other; of an older book, which is not
    `in_parts`, all of it, compressed with zlib.
    """

    __tablename__ = "book"

    digest: Mapped[Hash] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    in_parts: Mapped[bool]


class BookPartRow(Base):
    """A stretch of one or more books by its SHA-256, compressed with zlib."""

    __tablename__ = "book_part"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class MatchRecordRow(Base):
    """What a match was computed from and what came out (DESIGN 8.6).

    `offers` and `fills` are JSON lists, `offer` the developer offer of the deal, `deal` known once
    mined. Amounts are USDC base units per epoch.
    """

    __tablename__ = "match_record"
    __table_args__ = (
        *not_negative("total", "gap_ppm"),
        Index(None, "deal", "id"),
        Index(None, "offer", "id"),
        Index(None, "tx"),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    engine: Mapped[str] = mapped_column(String(40))
    block: Mapped[BlockNumber]
    block_hash: Mapped[Hash]
    book: Mapped[Hash] = mapped_column(ForeignKey("book.digest"))
    offer: Mapped[Hash]
    deal: Mapped[DealId | None]
    offers: Mapped[str]
    fills: Mapped[str]
    total: Mapped[Amount]
    saving: Mapped[Uint]
    bound: Mapped[Uint]
    gap_ppm: Mapped[int]
    tx: Mapped[Hash | None]


class SubmissionRow(Base):
    """A signed transaction, recorded before it is sent; `raw` can be sent again after a crash."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("tx_hash"),
        one_of("state", SubmissionState),
        *not_negative("nonce"),
        Index(None, "state", "id"),
        Index(None, "offer", "id"),
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True)
    tx_hash: Mapped[Hash]
    raw: Mapped[str]
    nonce: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(40))
    offer: Mapped[Hash | None]
    match: Mapped[int | None] = mapped_column(ForeignKey("match_record.id"))
    state: Mapped[SubmissionState] = mapped_column(String(10))
    reason: Mapped[str | None]
    created_at: Mapped[Timestamp]
    block_number: Mapped[BlockNumber | None]


class LostMatchRow(Base):
    """A match that the chain refused, as computed from `block`; `number` counts them from 1.

    The winner is in the history of the offer's deal. Only the newest are kept.
    """

    __tablename__ = "lost_match"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    offer: Mapped[Hash]
    reason: Mapped[str]
    block: Mapped[BlockNumber]


class NoticeRow(Base):
    """A hint to a peer that it has an assignment; times are seconds of the matcher's own clock."""

    __tablename__ = "notice"
    __table_args__ = (
        one_of("state", NoticeState),
        *not_negative("attempts"),
        Index(None, "state", "next_at"),
    )

    assignment: Mapped[AssignmentId] = mapped_column(primary_key=True, autoincrement=False)
    tx: Mapped[Hash] = mapped_column(primary_key=True)
    deal: Mapped[DealId]
    block_number: Mapped[BlockNumber]
    sources: Mapped[str]
    state: Mapped[NoticeState] = mapped_column(String(10))
    attempts: Mapped[int]
    next_at: Mapped[int]
    error: Mapped[str | None]


class ReplacementRow(Base):
    """A developer's wish that an assignment's units be given elsewhere before it is dropped.

    `requested_at` is chain time, `proof` the signed request as JSON. A row is history once its
    assignment is no longer alive.
    """

    __tablename__ = "replacement"
    __table_args__ = (Index(None, "deal"),)

    assignment: Mapped[AssignmentId] = mapped_column(primary_key=True, autoincrement=False)
    deal: Mapped[DealId]
    requested_at: Mapped[Timestamp]
    withdrawn: Mapped[bool]
    proof: Mapped[str | None]


class PeerCheckRow(Base):
    """Whether a peer answers at its endpoint with its key; times are of the matcher's own clock.

    `endpoint` and `key` are those that were asked for: a peer that moved begins again. `since` is
    when `answers` last changed, `failures` counts those in a row, `next_at` is when to ask again.
    """

    __tablename__ = "peer_check"
    __table_args__ = (*not_negative("failures"), Index(None, "answers", "next_at"))

    peer: Mapped[PeerId] = mapped_column(primary_key=True, autoincrement=False)
    endpoint: Mapped[str] = mapped_column(String(128))
    key: Mapped[Hash]
    answers: Mapped[bool]
    since: Mapped[int]
    answered_at: Mapped[int | None]
    failures: Mapped[int]
    problem: Mapped[str | None]
    next_at: Mapped[int]


class PeerDocumentRow(Base):
    """What a peer says of itself, as its key signed it: canonical JSON, checked before it came.

    It counts until `expires`, chain time, while `key` is the peer's. `site`, `memory_mib` (of the
    whole machine), `speed` (10^6 fuel per second and unit) and `claims` (kinds between spaces) are
    what lists filter by; `changed` is the offer clock's version of the row's latest change.
    """

    __tablename__ = "peer_document"
    __table_args__ = (*not_negative("speed"), Index(None, "site", "peer"), Index(None, "changed"))

    peer: Mapped[PeerId] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[str]
    signature: Mapped[str] = mapped_column(String(130))
    key: Mapped[Hash]
    issued: Mapped[Timestamp]
    expires: Mapped[Timestamp]
    site: Mapped[str] = mapped_column(String(66))
    memory_mib: Mapped[int]
    speed: Mapped[int]
    claims: Mapped[str]
    changed: Mapped[int]


class PeerLatencyRow(Base):
    """How long answers of a peer took by a gateway whose measurements are taken, last at `at`.

    `ms` is what nine of ten of its `answers` did not exceed, `at` in chain time; 0 counts no more.
    `region` is where the gateway says it is, `changed` as in `PeerDocumentRow`.
    """

    __tablename__ = "peer_latency"
    __table_args__ = (*not_negative("ms"), Index(None, "peer"), Index(None, "changed"))

    gateway: Mapped[str] = mapped_column(String(120), primary_key=True)
    peer: Mapped[PeerId] = mapped_column(primary_key=True, autoincrement=False)
    region: Mapped[str] = mapped_column(String(120))
    ms: Mapped[int]
    answers: Mapped[int]
    at: Mapped[Timestamp]
    changed: Mapped[int]


class RequestNonceRow(Base):
    """The nonce of a signed request that was accepted; forgotten once it has expired anyway."""

    __tablename__ = "request_nonce"
    __table_args__ = (Index(None, "expires"),)

    address: Mapped[Address] = mapped_column(primary_key=True)
    nonce: Mapped[Hash] = mapped_column(primary_key=True)
    expires: Mapped[Timestamp]
