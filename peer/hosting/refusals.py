"""Turn what went wrong with an app into the reason that goes on chain (DESIGN 8.3)."""

from dataclasses import dataclass

from peer.policy.policy import PolicyRefused
from peer.runtime.errors import GuestFault, ModuleError
from wasmarket.kernel.errors import (
    BadContent,
    ContentNotFound,
    InvalidInput,
    LimitReached,
    MarketError,
    Unreachable,
)
from wasmarket.kernel.reasons import LeaveReason


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an app does not run here: the number for the chain, the sentence for people."""

    reason: LeaveReason
    detail: str


class BadManifest(InvalidInput):
    """Invalid manifest"""

    slug = "bad-manifest"


class Unhealthy(MarketError):
    """Health check failed"""

    slug = "unhealthy"


class NotServing(Unreachable):
    """Service unavailable"""

    slug = "starting"


_REASONS: tuple[tuple[type[MarketError], LeaveReason], ...] = (
    (ContentNotFound, LeaveReason.CONTENT_NOT_FOUND),
    (BadContent, LeaveReason.CONTENT_MISMATCH),
    (BadManifest, LeaveReason.BAD_MANIFEST),
    (Unhealthy, LeaveReason.FAILED_TO_START),
    (GuestFault, LeaveReason.FAILED_TO_START),
    (LimitReached, LeaveReason.OUT_OF_CAPACITY),
)


def to_refusal(error: MarketError | OSError) -> Refusal:
    """Return the refusal that an error means; what is unknown is a failed start."""
    if isinstance(error, OSError):
        # No room on the disk, no memory for another process.
        return Refusal(LeaveReason.OUT_OF_CAPACITY, error.strerror or str(error))
    if isinstance(error, PolicyRefused | ModuleError):
        return Refusal(error.reason, error.detail)
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return Refusal(reason, error.detail)
    return Refusal(LeaveReason.FAILED_TO_START, error.detail)
