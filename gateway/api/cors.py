"""Let pages of other origins call functions (CORS): as an app, the operator for a deal, or the
operator for all deals says, in this order.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.types import Scope, Send

from wasmarket.kernel.documents.app_parts import CorsRules, Manifest
from wasmarket.serving.peer_wire.connection import Header

ANYBODY: Final = "*"
MAX_AGE: Final = b"600"
CALL_METHODS: Final = b"GET, POST, PUT"
SITE_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS: Final = (
    "authorization, content-type, idempotency-key, prefer, wasmarket-peer, x-request-id"
)
EXPOSE: Final = (
    b"access-control-expose-headers",
    b"wasmarket-peer, wasmarket-receipt, wasmarket-fuel, wasmarket-head, retry-after, x-request-id",
)
NOBODY: Final = CorsRules(())
"""No origin is let in here; a site's function may do that itself."""


class Cors:
    """Which origins may call what. Cookies are never part of it: calls carry their own proof."""

    def __init__(self, origins: Iterable[str], by_deal: Mapping[int, str]) -> None:
        """`origins` hold for all deals but those in `by_deal`, which names theirs, separated by
        spaces, and those whose apps say it; `*` is any origin.
        """
        self._usual = CorsRules(tuple(origins))
        self._by_deal = {deal: CorsRules(tuple(text.split())) for deal, text in by_deal.items()}

    def choose(self, deal: int | None, app: Manifest | None, *, is_visit: bool) -> CorsRules:
        """Return whose pages may send a request about `deal` (None: about none).

        `app` is what the deal runs, as far as that is known; `is_visit`: the request goes to its
        site. A site has the rules of its app only: an operator cannot know what it shows to whom.
        """
        of_app = None if app is None else app.cors
        if is_visit:
            return of_app or NOBODY
        of_deal = None if deal is None else self._by_deal.get(deal)
        return of_deal or of_app or self._usual


def allow(rules: CorsRules, scope: Scope) -> list[Header]:
    """Return the headers that let the request's page read the answer, our own included; none if it
    may not.
    """
    origin = find_origin(scope)
    if origin is None or not rules.origins:
        return []
    if ANYBODY in rules.origins:
        return [(b"access-control-allow-origin", b"*"), EXPOSE]
    if origin.decode("latin-1") not in rules.origins:
        return [(b"vary", b"Origin")]
    return [(b"access-control-allow-origin", origin), EXPOSE, (b"vary", b"Origin")]


def find_origin(scope: Scope) -> bytes | None:
    """Return the origin of the page that sends a request; None: none does."""
    return next((value for name, value in scope["headers"] if name == b"origin"), None)


def is_preflight(scope: Scope) -> bool:
    """Say whether a browser asks before it sends the real request."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


async def answer_preflight(
    rules: CorsRules, headers: list[Header], send: Send, *, is_visit: bool
) -> None:
    """Answer such a question; `headers` are what `allow` returned for it."""
    names = ", ".join((HEADERS, *rules.headers)).encode("ascii")
    more = [
        (b"access-control-allow-methods", SITE_METHODS if is_visit else CALL_METHODS),
        (b"access-control-allow-headers", names),
        (b"access-control-max-age", MAX_AGE),
    ]
    sent = headers + (more if headers and headers[0][0] != b"vary" else [])
    await send({"type": "http.response.start", "status": 204, "headers": sent})
    await send({"type": "http.response.body", "body": b""})
