"""The states and kinds that the tables know, each also a CHECK."""

from enum import StrEnum
from typing import NewType

Uint = NewType("Uint", int)
"""Any other uint256: masks, salts, counters, signed prices and times."""

Whole = NewType("Whole", int)
"""Any other whole number that may be below zero: lines of the double-entry ledger."""


class AssignmentState(StrEnum):
    """State of an assignment: the contract's, and CLEARED once its record is gone there.

    METERED is active in a metered deal, CLOSED is its end: vouchers still count, for ever.
    """

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"
    CLEARED = "cleared"
    METERED = "metered"
    CLOSED = "closed"


RUNNING_STATES = (AssignmentState.ACTIVE, AssignmentState.METERED)
"""Begun and not ended, whether time or work is paid."""


class DealChangeKind(StrEnum):
    """What happened to a deal, in its own list of changes."""

    CREATED = "created"
    MATCHED = "matched"
    TOPPED_UP = "topped_up"
    TAKEN = "taken"
    LAPSED = "lapsed"
    STOPPED = "stopped"
    APP = "app"


class OfferKind(StrEnum):
    """Which of the two offers it is."""

    PROVIDER = "provider"
    DEVELOPER = "developer"


class OfferSource(StrEnum):
    """How an offer reached the book: posted to a matcher, or published on chain."""

    POSTED = "posted"
    PUBLISHED = "published"


class BookState(StrEnum):
    """What a matcher says of a developer offer that has no deal yet."""

    POSTED = "posted"
    UNFUNDED = "unfunded"
    UNMATCHED = "unmatched"
    SUBMITTING = "submitting"


class OfferStatus(StrEnum):
    """What a developer offer is (DESIGN 8.6), derived and never stored."""

    POSTED = "posted"
    UNFUNDED = "unfunded"
    UNMATCHED = "unmatched"
    SUBMITTING = "submitting"
    PENDING = "pending"
    ACTIVE = "active"
    SHORT = "short"
    LAPSED = "lapsed"
    ENDED = "ended"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class SubmissionState(StrEnum):
    """How far a transaction of the matcher has come."""

    SIGNED = "signed"
    SENT = "sent"
    MINED = "mined"
    FAILED = "failed"
    DROPPED = "dropped"


class NoticeState(StrEnum):
    """How far a notice to a peer has come."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


class CheckoutState(StrEnum):
    """How far a purchase by card has come.

    HELD: the buyer's bank disputes the payment, nothing moves until that is decided. LOST: the
    bank took the payment back before anything was delivered.
    """

    OPEN = "open"
    EXPIRED = "expired"
    PAID = "paid"
    SENDING = "sending"
    DELIVERED = "delivered"
    HELD = "held"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    LOST = "lost"


class Purpose(StrEnum):
    """What a purchase is for: a deal's balance, an account's USDC, an account's FLT."""

    TOP_UP = "top_up"
    ACCOUNT = "account"
    FLT = "flt"


class DisputeState(StrEnum):
    """What the buyer's bank says of a payment."""

    NONE = "none"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class DeliveryKind(StrEnum):
    """What the treasury sends: USDC into a deal, USDC, FLT or coins to an account."""

    TOP_UP = "top_up"
    USDC = "usdc"
    FLT = "flt"
    COINS = "coins"


class DeliveryState(StrEnum):
    """How far a delivery has come.

    WAITING: nothing is signed that could still be mined. SIGNED: something is. MINED: seen in a
    block that a reorg may still take away. FINAL: deep enough. HELD and CANCELLED are never sent.
    """

    WAITING = "waiting"
    HELD = "held"
    SIGNED = "signed"
    MINED = "mined"
    FINAL = "final"
    CANCELLED = "cancelled"


class SavedCardState(StrEnum):
    """ASKED: a page is open to pay on and agree. ACTIVE: it may be charged. CANCELLED: no more."""

    ASKED = "asked"
    ACTIVE = "active"
    CANCELLED = "cancelled"


class FrozenKind(StrEnum):
    """What may buy no more after a dispute."""

    CARD = "card"
    ACCOUNT = "account"
