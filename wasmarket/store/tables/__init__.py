"""All tables. The indexer writes those of the chain, the matcher its own; everyone reads."""

from wasmarket.store.tables.accounts import (
    Account,
    MarketState,
    OfferCancellation,
    PublishedOffer,
    StakeRow,
)
from wasmarket.store.tables.assignments import Assignment, BatchSkip, Claim, FillSkip
from wasmarket.store.tables.chain import BlockRow, Cursor, EventRow, JournalRow, Leadership, Reorg
from wasmarket.store.tables.deals import Deal, DealChange, RunEnd
from wasmarket.store.tables.matching import (
    Book,
    BookPart,
    LostMatch,
    MatchRecord,
    Notice,
    Replacement,
    RequestNonce,
    Submission,
)
from wasmarket.store.tables.offers import DeveloperOfferRow, OfferClock, ProviderOfferRow
from wasmarket.store.tables.peers import Commitment, Peer

__all__ = [
    "Account",
    "Assignment",
    "BatchSkip",
    "BlockRow",
    "Book",
    "BookPart",
    "Claim",
    "Commitment",
    "Cursor",
    "Deal",
    "DealChange",
    "DeveloperOfferRow",
    "EventRow",
    "FillSkip",
    "JournalRow",
    "Leadership",
    "LostMatch",
    "MarketState",
    "MatchRecord",
    "Notice",
    "OfferCancellation",
    "OfferClock",
    "Peer",
    "ProviderOfferRow",
    "PublishedOffer",
    "Reorg",
    "Replacement",
    "RequestNonce",
    "RunEnd",
    "StakeRow",
    "Submission",
]
