"""Send one request to a peer of a deal, and to the next one when that peer cannot take it.

A request goes to another peer only when the first cannot have begun it: nobody listens, or the
peer says 503 (starting), 429 (busy) or 404 (not there yet). A connection that breaks in the
middle leaves open whether the function ran, so the caller is told instead, unless they marked the
request idempotent.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

import httpx

from gateway.directory import PeerRoute
from kernel.errors import BrokenOff, TimedOut, Unreachable

logger = logging.getLogger(__name__)

FORWARDED = frozenset({"accept", "authorization", "content-type", "prefer", "x-request-id"})
RETURNED = frozenset(
    {"content-type", "etag", "preference-applied", "retry-after", "vary", "www-authenticate"}
)
RETURNED_PREFIX = "wasmarket-"
TRY_NEXT = frozenset({404, 429, 503})
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT"})
NOT_BEGUN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.InvalidURL,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
"""What is raised before a byte has reached the peer."""
IDEMPOTENCY_KEY = "idempotency-key"


class PeerFailed(BrokenOff):
    """The peer broke off"""

    slug = "peer-failed"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes to a peer; `target` is path and query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    idempotent: bool


def build_outgoing(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> Outgoing:
    """Return what goes on to a peer: method, target, body as they came, only the named headers."""
    kept = {name.lower(): value for name, value in headers}
    return Outgoing(
        method=method,
        target=target,
        headers={name: value for name, value in kept.items() if name in FORWARDED},
        body=body,
        idempotent=method in IDEMPOTENT_METHODS or IDEMPOTENCY_KEY in kept,
    )


class Health:
    """Which peers failed lately; they come last until `rest_seconds` have passed."""

    def __init__(self, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._rest = rest_seconds
        self._clock = clock
        self._failed: dict[int, float] = {}
        self._turn = 0

    def order(self, peers: Sequence[PeerRoute]) -> list[PeerRoute]:
        """Return the peers in the order to try them: healthy ones in turn, then the others."""
        now = self._clock()
        self._turn += 1
        shift = self._turn % len(peers) if peers else 0
        turned = [*peers[shift:], *peers[:shift]]
        return sorted(turned, key=lambda route: now < self._failed.get(route.peer, 0.0))

    def fail(self, peer: int) -> None:
        """Remember that a peer failed just now."""
        self._failed[peer] = self._clock() + self._rest

    def succeed(self, peer: int) -> None:
        """Forget a peer's failures."""
        self._failed.pop(peer, None)


class Forwarder:
    """Send requests to peers over one pool of connections."""

    def __init__(self, http: httpx.AsyncClient, health: Health) -> None:
        """`http` brings the time limits."""
        self._http = http
        self._health = health

    async def send(self, outgoing: Outgoing, peers: Sequence[PeerRoute]) -> httpx.Response:
        """Return the first answer of a peer that could take the request, opened as a stream.

        Raises Unreachable (no peer took it), TimedOut, PeerFailed.
        """
        refusal: httpx.Response | None = None
        for route in self._health.order(peers):
            try:
                answer = await self._open(outgoing, route)
            except NOT_BEGUN as error:
                self._health.fail(route.peer)
                logger.warning("peer unreachable", extra={"peer": route.peer, "why": str(error)})
                continue
            except httpx.TimeoutException as error:
                raise TimedOut(f"peer {route.peer} did not answer in time") from error
            except httpx.HTTPError as error:
                self._health.fail(route.peer)
                if outgoing.idempotent:
                    continue
                raise PeerFailed(
                    f"peer {route.peer} broke off; the function may have run",
                    remedy="send an Idempotency-Key header if it may run twice, and try again",
                ) from error
            if answer.status_code in TRY_NEXT:
                await answer.aread()
                refusal = answer
                continue
            self._health.succeed(route.peer)
            return answer
        if refusal is not None:
            return refusal
        raise Unreachable(
            "no peer of the deal can be reached", remedy="try again; lost units are refilled"
        )

    async def send_to_all(
        self, outgoing: Outgoing, peers: Sequence[PeerRoute]
    ) -> list[tuple[PeerRoute, httpx.Response | None]]:
        """Send the same request to every peer; None stands for a peer that did not answer."""
        answers: list[tuple[PeerRoute, httpx.Response | None]] = []
        for route in peers:
            try:
                answer = await self._open(outgoing, route)
                await answer.aread()
                answers.append((route, answer))
            except (httpx.HTTPError, httpx.InvalidURL):
                self._health.fail(route.peer)
                answers.append((route, None))
        return answers

    async def _open(self, outgoing: Outgoing, route: PeerRoute) -> httpx.Response:
        request = self._http.build_request(
            outgoing.method,
            route.endpoint.rstrip("/") + outgoing.target,
            headers=outgoing.headers,
            content=outgoing.body,
        )
        return await self._http.send(request, stream=True)


def returned_headers(answer: httpx.Response) -> dict[str, str]:
    """Return the headers of a peer's answer that the caller gets."""
    return {
        name: value
        for name, value in answer.headers.items()
        if name in RETURNED or name.startswith(RETURNED_PREFIX)
    }


async def stream_body(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the body of an opened answer, then close it."""
    try:
        async for chunk in answer.aiter_bytes():
            yield chunk
    finally:
        await answer.aclose()
