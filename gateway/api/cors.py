"""Let pages of other origins call functions (CORS): for the whole gateway, or by deal."""

from collections.abc import Iterable, Mapping

from starlette.types import Scope, Send

from wasmarket.serving.peer_wire.connection import Header

ANYBODY = "*"
MAX_AGE = b"600"
METHODS = b"GET, POST, PUT"
HEADERS = b"authorization, content-type, idempotency-key, prefer, wasmarket-peer, x-request-id"
EXPOSED = (
    b"wasmarket-peer, wasmarket-receipt, wasmarket-fuel, wasmarket-head, retry-after, x-request-id"
)


class Cors:
    """Which origins may call what. Cookies are never part of it: calls carry their own proof."""

    def __init__(self, origins: Iterable[str], by_deal: Mapping[int, str]) -> None:
        """`origins` hold for all deals but those in `by_deal`, which names theirs, separated by
        spaces; `*` is any origin.
        """
        self._origins = frozenset(origins)
        self._by_deal = {deal: frozenset(text.split()) for deal, text in by_deal.items()}

    def allow(self, scope: Scope, deal: int | None) -> list[Header]:
        """Return the headers that let the request's page read the answer; none if it may not."""
        allowed = self._origins if deal is None else self._by_deal.get(deal, self._origins)
        if not allowed:
            return []
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None:
            return []
        if ANYBODY in allowed:
            return [(b"access-control-allow-origin", b"*")]
        if origin.decode("latin-1") not in allowed:
            return [(b"vary", b"Origin")]
        return [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]


def is_preflight(scope: Scope) -> bool:
    """Say whether a browser asks before it sends the real request."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


async def answer_preflight(headers: list[Header], send: Send) -> None:
    """Answer such a question."""
    more = [
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", HEADERS),
        (b"access-control-max-age", MAX_AGE),
    ]
    sent = headers + (more if len(headers) and headers[0][0] != b"vary" else [])
    await send({"type": "http.response.start", "status": 204, "headers": sent})
    await send({"type": "http.response.body", "body": b""})


def with_exposed(headers: list[Header]) -> list[Header]:
    """Return the headers of an answer that a page may read, our own included."""
    return [*headers, (b"access-control-expose-headers", EXPOSED)]
