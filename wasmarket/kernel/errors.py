"""The one tree of errors: docstring = title, message = what happened, `remedy` = what to do.

The kernel knows no HTTP and no exit codes: services map classes to status codes in one table,
the command line to exit codes in another.
"""

from typing import ClassVar


class MarketError(Exception):
    """Internal error"""

    slug: ClassVar[str] = "error"

    def __init__(self, detail: str, *, field: str | None = None, remedy: str | None = None) -> None:
        """Say what happened, which input (`field`) it is about and what to do (`remedy`)."""
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.remedy = remedy

    @classmethod
    def title(cls) -> str:
        """Return the first line of the class's docstring."""
        return (cls.__doc__ or MarketError.__doc__ or "").strip().splitlines()[0]


class InvalidInput(MarketError):
    """Invalid input"""

    slug = "invalid-input"


class InvalidSignature(MarketError):
    """Invalid signature"""

    slug = "invalid-signature"


class Expired(MarketError):
    """Expired"""

    slug = "expired"


class Unauthorized(MarketError):
    """Unauthorized"""

    slug = "unauthorized"
    scheme: ClassVar[str] = "Wasmarket"
    """How to prove it, as the Authorization header names it."""


class Forbidden(MarketError):
    """Forbidden"""

    slug = "forbidden"


class NotFound(MarketError):
    """Not found"""

    slug = "not-found"


class Conflict(MarketError):
    """Conflict"""

    slug = "conflict"


class NotAcceptable(MarketError):
    """Not acceptable"""

    slug = "not-acceptable"


class Unsupported(MarketError):
    """Not implemented"""

    slug = "unsupported"


class TooLarge(MarketError):
    """Content too large"""

    slug = "too-large"


class LimitReached(MarketError):
    """Limit exceeded"""

    slug = "limit-reached"


class Unfunded(MarketError):
    """Insufficient funds"""

    slug = "unfunded"


class RunwayOver(MarketError):
    """Payment required"""

    slug = "runway-over"


class Refused(MarketError):
    """Unprocessable content"""

    slug = "refused"


class Reverted(Refused):
    """Transaction reverted"""

    slug = "reverted"

    def __init__(
        self,
        detail: str,
        *,
        reason: str = "",
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Also keep the contract's own words (`reason`, such as "market: paused")."""
        super().__init__(detail, field=field, remedy=remedy)
        self.reason = reason


class Unreachable(MarketError):
    """Service unavailable"""

    slug = "unreachable"


class BrokenOff(MarketError):
    """Bad gateway"""

    slug = "broken-off"


class TimedOut(MarketError):
    """Timed out"""

    slug = "timed-out"


class BadContent(MarketError):
    """Invalid content"""

    slug = "bad-content"


class ContentNotFound(NotFound):
    """Content not found"""

    slug = "content-not-found"


class ConfigError(MarketError):
    """Invalid configuration"""

    slug = "config"


class PortInUse(ConfigError):
    """Port in use"""

    slug = "port-in-use"


class WrongChain(ConfigError):
    """Wrong chain"""

    slug = "wrong-chain"


def find_error(slug: str) -> type[MarketError] | None:
    """Return the class in the tree, here or in any part that is imported, that has this slug."""
    waiting: list[type[MarketError]] = [MarketError]
    while waiting:
        kind = waiting.pop(0)
        if kind.slug == slug:
            return kind
        waiting.extend(kind.__subclasses__())
    return None


def revive_error(
    slug: str, detail: str, *, field: str | None = None, remedy: str | None = None
) -> MarketError:
    """Make the error that another process described; a plain MarketError for an unknown slug."""
    kind = find_error(slug) or MarketError
    error = kind.__new__(kind)
    # A subclass may ask for more than the description says.
    MarketError.__init__(error, detail, field=field, remedy=remedy)
    return error
