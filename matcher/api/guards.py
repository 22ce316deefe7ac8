"""What every request passes first: a limit of its body's size and of its sender's rate."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kernel.errors import LimitReached, TooLarge
from kernel.units import Address
from matcher.limits import RateLimit
from serving.auth import Authenticator
from serving.clients import Clients, group_of
from serving.problems import render, request_id_of

MAX_BODY = 64 * 1024
CHANGES = frozenset({"POST", "PUT", "DELETE"})
QUESTIONS = frozenset({"/v1/quotes"})
"""Asked by POST, but nothing is kept of them."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How often: offers and signed requests by signer, all requests and those that change
    something by client address."""

    by_signer: RateLimit
    by_client: RateLimit
    changes_by_client: RateLimit


class Guards:
    """Refuse bodies above `max_body` bytes and clients above their rate, with problem documents."""

    def __init__(
        self, app: ASGIApp, limits: RequestLimits, clients: Clients, max_body: int = MAX_BODY
    ) -> None:
        self._app = app
        self._limits = limits
        self._clients = clients
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        problem: LimitReached | TooLarge | None = None
        client = group_of(self._clients.of(scope).address)
        scope.setdefault("state", {})["client"] = client
        try:
            self._limits.by_client.check(client)
            if request.method in CHANGES and request.url.path not in QUESTIONS:
                self._limits.changes_by_client.check(client)
            _check_length(request.headers.get("content-length", ""), self._max_body)
        except (LimitReached, TooLarge) as error:
            problem = error
        if problem is not None:
            await render(problem, request_id_of(request))(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._max_body), send)


def client_of(request: Request) -> str:
    """Return who sent a request, as limits count clients; a dependency of routes."""
    return str(request.state.client)


class SignersWithin:
    """A dependency of routes: who signed a request, unless they sign too many a minute."""

    def __init__(self, authenticator: Authenticator, limit: RateLimit) -> None:
        """`limit` counts those that `authenticator` lets in."""
        self._authenticator = authenticator
        self._limit = limit

    async def __call__(self, request: Request) -> Address:
        """Return the signer of a request. Raises as the authenticator, and RateLimited."""
        signer = await self._authenticator(request)
        self._limit.check(signer)
        return signer


def _check_length(declared: str, limit: int) -> None:
    if declared.isdecimal() and int(declared) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes", remedy="send less at once")


def _bounded(receive: Receive, limit: int) -> Receive:
    """Cut a body that is longer than it said; what is left does not parse."""
    left = limit

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        body = message.get("body", b"")
        if len(body) > left:
            return {"type": "http.request", "body": b"", "more_body": False}
        left -= len(body)
        return message

    return bounded
