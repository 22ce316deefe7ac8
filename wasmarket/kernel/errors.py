"""The one tree of errors: docstring = title, message = what happened, `remedy` = what to do.

The kernel knows no HTTP and no exit codes: services map classes to status codes in one table,
the command line to exit codes in another.
"""

from typing import ClassVar


class MarketError(Exception):
    """Something went wrong"""

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
    """The input is not valid"""

    slug = "invalid-input"


class InvalidSignature(MarketError):
    """The signature is not valid"""

    slug = "invalid-signature"


class Expired(MarketError):
    """It has expired"""

    slug = "expired"


class Unauthorized(MarketError):
    """Who you are is not proven"""

    slug = "unauthorized"
    scheme: ClassVar[str] = "Wasmarket"
    """How to prove it, as the Authorization header names it."""


class Forbidden(MarketError):
    """You may not do this"""

    slug = "forbidden"


class NotFound(MarketError):
    """There is no such thing"""

    slug = "not-found"


class Conflict(MarketError):
    """It contradicts what is already there"""

    slug = "conflict"


class NotAcceptable(MarketError):
    """Not acceptable"""

    slug = "not-acceptable"


class Unsupported(MarketError):
    """Not implemented"""

    slug = "unsupported"


class TooLarge(MarketError):
    """It is larger than allowed"""

    slug = "too-large"


class LimitReached(MarketError):
    """A limit is reached"""

    slug = "limit-reached"


class Unfunded(MarketError):
    """There is not enough money"""

    slug = "unfunded"


class RunwayOver(MarketError):
    """The deal's runway is over"""

    slug = "runway-over"


class Refused(MarketError):
    """The contract or the provider's policy refused"""

    slug = "refused"


class Reverted(Refused):
    """The transaction was refused by the contract"""

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
    """The other side cannot be reached"""

    slug = "unreachable"


class BrokenOff(MarketError):
    """The other side broke off; what was asked may have happened"""

    slug = "broken-off"


class TimedOut(MarketError):
    """It took too long"""

    slug = "timed-out"


class BadContent(MarketError):
    """The content is not what its id promises"""

    slug = "bad-content"


class ContentNotFound(NotFound):
    """The content is nowhere to be found"""

    slug = "content-not-found"


class ConfigError(MarketError):
    """The configuration is not valid"""

    slug = "config"


class PortInUse(ConfigError):
    """The port is in use"""

    slug = "port-in-use"


class WrongChain(ConfigError):
    """The chain is not the one expected"""

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
