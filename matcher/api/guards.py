"""What every request passes first: limits of how often a client and a signer may ask."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from wasmarket.kernel.errors import InvalidInput, LimitReached
from wasmarket.kernel.signing.requests import SignedRequest
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import MAX_SIGNED_BODY, Authenticator, target_of
from wasmarket.serving.bodies import read_body
from wasmarket.serving.callers.addresses import Clients, group_of
from wasmarket.serving.callers.limits import RateLimit
from wasmarket.serving.problems import render, request_id_of

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
    """Refuse clients above their rate with a problem document."""

    def __init__(self, app: ASGIApp, limits: RequestLimits, clients: Clients) -> None:
        self._app = app
        self._limits = limits
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        client = group_of(self._clients.of(scope).address)
        scope.setdefault("state", {})["client"] = client
        try:
            self._limits.by_client.check(client)
            if request.method in CHANGES and request.url.path not in QUESTIONS:
                self._limits.changes_by_client.check(client)
        except LimitReached as error:
            await render(error, request_id_of(request))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def client_of(request: Request) -> str:
    """Return who sent a request, as limits count clients; a dependency of routes."""
    return str(request.state.client)


async def keep_request(request: Request) -> SignedRequest:
    """Return a request as it was signed, to show it later; a dependency of routes.

    Whether the signature is right is not looked at here. Raises InvalidInput for odd bytes.
    """
    content = await read_body(request, MAX_SIGNED_BODY)
    try:
        body = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("the body is not UTF-8", remedy="send JSON in UTF-8") from error
    header = request.headers.get("authorization", "")
    return SignedRequest(request.method, target_of(request), body, header)


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have; a dependency of routes.

    A filter that is misspelt would filter nothing. Raises InvalidInput.
    """
    route = request.scope["route"]
    known = sorted(param.alias for param in route.dependant.query_params)
    for name in request.query_params:
        if name not in known:
            raise InvalidInput(
                f"there is no query parameter {name!r} here",
                field=name,
                remedy=f"use one of: {', '.join(known)}" if known else "send none",
            )


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
