"""All tables. The indexer writes those of the chain, the matcher its own; everyone reads."""

from wasmarket.store.tables.accounts import (
    AccountRow,
    MarketStateRow,
    OfferCancellationRow,
    PublishedOfferRow,
    StakeRow,
)
from wasmarket.store.tables.assignments import (
    AssignmentRow,
    BatchSkipRow,
    ClaimRow,
    FillSkipRow,
    RedemptionRow,
)
from wasmarket.store.tables.audits import (
    AuditAccountRow,
    CaseRow,
    ContradictionRow,
    SeatRow,
    VoteRow,
)
from wasmarket.store.tables.chain import (
    BlockRow,
    CursorRow,
    EventRow,
    JournalRow,
    LeadershipRow,
    OrphanRow,
    ReorgRow,
)
from wasmarket.store.tables.deals import DealChangeRow, DealRow, RunEndRow
from wasmarket.store.tables.epochs import EpochTotalRow
from wasmarket.store.tables.matching import (
    BookDocumentRow,
    BookPartRow,
    LostMatchRow,
    MatchRecordRow,
    NoticeRow,
    PeerCheckRow,
    PeerDocumentRow,
    ReplacementRow,
    RequestNonceRow,
    SubmissionRow,
)
from wasmarket.store.tables.offers import DeveloperOfferRow, OfferClockRow, ProviderOfferRow
from wasmarket.store.tables.payments import (
    CheckoutRow,
    DeliveryAttemptRow,
    DeliveryRow,
    FrozenRow,
    GasGrantRow,
    LedgerEntryRow,
    LedgerLineRow,
    WebhookRow,
)
from wasmarket.store.tables.peers import CommitmentRow, PeerRow
from wasmarket.store.tables.reputation import PeerEpochRow, ReputationEventRow

__all__ = [
    "AccountRow",
    "AssignmentRow",
    "AuditAccountRow",
    "BatchSkipRow",
    "BlockRow",
    "BookDocumentRow",
    "BookPartRow",
    "CaseRow",
    "CheckoutRow",
    "ClaimRow",
    "CommitmentRow",
    "ContradictionRow",
    "CursorRow",
    "DealChangeRow",
    "DealRow",
    "DeliveryAttemptRow",
    "DeliveryRow",
    "DeveloperOfferRow",
    "EpochTotalRow",
    "EventRow",
    "FillSkipRow",
    "FrozenRow",
    "GasGrantRow",
    "JournalRow",
    "LeadershipRow",
    "LedgerEntryRow",
    "LedgerLineRow",
    "LostMatchRow",
    "MarketStateRow",
    "MatchRecordRow",
    "NoticeRow",
    "OfferCancellationRow",
    "OfferClockRow",
    "OrphanRow",
    "PeerCheckRow",
    "PeerDocumentRow",
    "PeerEpochRow",
    "PeerRow",
    "ProviderOfferRow",
    "PublishedOfferRow",
    "RedemptionRow",
    "ReorgRow",
    "ReplacementRow",
    "ReputationEventRow",
    "RequestNonceRow",
    "RunEndRow",
    "SeatRow",
    "StakeRow",
    "SubmissionRow",
    "VoteRow",
    "WebhookRow",
]
