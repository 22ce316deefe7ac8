"""What can be wrong with a store, in our own words: the one place that reads drivers' errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, TimeoutError

from wasmarket.kernel.errors import ConfigError, Conflict, MarketError, Unreachable

NOTHING_LOST = "nothing was changed; it is tried again"


class Inconsistent(Conflict):
    """Inconsistent store"""

    slug = "inconsistent-store"


class DamagedStore(Unreachable):
    """Damaged store"""

    slug = "damaged-store"


@dataclass(frozen=True, slots=True)
class _Cause:
    """Words of drivers that tell a cause, and what we say of it."""

    words: tuple[str, ...]
    kind: type[MarketError]
    detail: str
    remedy: str


_CAUSES = (
    _Cause(
        ("malformed", "not a database", "disk image", "corrupt", "invalid page", "checksum"),
        DamagedStore,
        "the store is damaged",
        "stop what uses it, move it away and put a backup in its place; without a backup what came "
        "from the chain is read again, offers and match records are lost",
    ),
    _Cause(
        ("no such table", "no such column", "does not exist", "undefined"),
        ConfigError,
        "the store has other tables than this version",
        "start one service of this version on it: it brings the tables up to date",
    ),
    _Cause(
        ("disk is full", "no space left", "disk full"),
        Unreachable,
        "the store's disk is full",
        "make room on it",
    ),
    _Cause(
        ("readonly", "read-only", "unable to open", "permission denied", "not permitted"),
        Unreachable,
        "the store cannot be opened or written",
        "check owner and rights of the file and its folder, or of the database's user",
    ),
    _Cause(
        ("locked", "busy", "could not obtain lock", "deadlock", "serialize access"),
        Unreachable,
        "the store is in use by another process",
        NOTHING_LOST,
    ),
    _Cause(
        ("",),
        Unreachable,
        "the store does not answer",
        "check the store's URL, its disk and, for PostgreSQL, the server",
    ),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever a database or its driver raises into an error that says what to do."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(error) from error


def translate(error: SQLAlchemyError) -> MarketError:
    """Return an error of ours for one of a database; its SQL and its values stay out."""
    if isinstance(error, TimeoutError):
        return Unreachable("the store has no connection left", remedy=NOTHING_LOST)
    if not isinstance(error, DBAPIError):
        return MarketError(
            f"the store was asked wrongly ({type(error).__name__})",
            remedy="report it; the log has the traceback",
        )
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    said, words = lines[0], str(error.orig).lower()
    if isinstance(error, IntegrityError):
        return Inconsistent(
            f"the store refused a change that contradicts it: {said}",
            remedy="nothing of it was kept; if it comes back, read the chain again: "
            "`wasmarket indexer run --reindex`",
        )
    cause = next(cause for cause in _CAUSES if any(word in words for word in cause.words))
    return cause.kind(f"{cause.detail}: {said}", remedy=cause.remedy)
