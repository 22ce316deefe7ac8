"""The gateway's routes that go on to peers, as its OpenAPI page shows them (DESIGN 8.7)."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from gateway.api.calls import CallRelay
from gateway.api.edge import RESERVED
from gateway.api.sites import METHODS, Sites

DealNumber = Annotated[int, Path(ge=1, lt=2**32, description="a deal's number")]
EpochNumber = Annotated[int, Path(ge=0, lt=2**32)]
Sequence = Annotated[int, Path(ge=0, lt=2**64)]

ANY_BYTES: dict[str, Any] = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
}
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the function answered",
        "content": {"application/json": {"schema": {"type": "object"}}, **ANY_BYTES},
    }
}
FROM_PEER: dict[int | str, dict[str, Any]] = {
    200: {"description": "As in the page of the peer", "content": {"application/json": {}}}
}
LOG_LINES: dict[int | str, dict[str, Any]] = {
    200: {"description": "One JSON object a line", "content": {"application/x-ndjson": {}}}
}
FROM_SITE: dict[int | str, dict[str, Any]] = {
    200: {"description": "What the site answered", "content": {"*/*": {}}},
    "default": {"description": "What the site answered", "content": {"*/*": {}}},
}
BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"anyOf": [{"type": "array"}, {"type": "object"}]},
            },
            **ANY_BYTES,
        }
    }
}
SITE_BODY: dict[str, Any] = {"requestBody": {"content": {"*/*": {}}}}
Handler = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


class Relayed(Response):
    """An answer that its handler sends by itself, as it comes from a peer."""

    def __init__(self, handler: Handler) -> None:
        """`handler` reads the request and answers it."""
        super().__init__()
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises what the handler raises."""
        await self._handler(scope, receive, send)


def build_call_routes(calls: CallRelay) -> APIRouter:
    """Return the routes under `/v1/deals/{deal}`."""
    router = APIRouter(tags=["calls"])

    def relay(deal: int) -> Response:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            await calls.answer(scope, receive, send, deal)

        return Relayed(handle)

    @router.post(
        "/v1/deals/{deal}/{service}/{function}",
        response_class=Response,
        responses=RESULT,
        openapi_extra=BODY,
    )
    async def call(deal: DealNumber, service: str, function: str) -> Response:
        """Call a function: JSON arguments, or raw bytes for functions that take them."""
        return relay(deal)

    @router.get("/v1/deals/{deal}", response_class=Response, responses=FROM_PEER)
    @router.get("/v1/deals/{deal}/interface", response_class=Response, responses=FROM_PEER)
    @router.get("/v1/deals/{deal}/health", response_class=Response, responses=FROM_PEER)
    @router.get("/v1/deals/{deal}/logs", response_class=Response, responses=LOG_LINES)
    @router.get("/v1/deals/{deal}/stats", response_class=Response, responses=FROM_PEER)
    @router.get("/v1/deals/{deal}/access", response_class=Response, responses=FROM_PEER)
    async def read(deal: DealNumber) -> Response:
        """What a peer says of the deal; a `Wasmarket-Peer` header chooses which."""
        return relay(deal)

    @router.get("/v1/deals/{deal}/receipts/{epoch}", response_class=Response, responses=FROM_PEER)
    async def read_receipts(deal: DealNumber, epoch: EpochNumber) -> Response:
        """Receipts of an epoch at one peer; a `Wasmarket-Peer` header chooses which."""
        return relay(deal)

    @router.get(
        "/v1/deals/{deal}/receipts/{epoch}/{sequence}",
        response_class=Response,
        responses=FROM_PEER,
    )
    async def read_receipt(deal: DealNumber, epoch: EpochNumber, sequence: Sequence) -> Response:
        """One receipt with its inclusion proof."""
        return relay(deal)

    @router.put("/v1/deals/{deal}/access", response_class=Response, responses=FROM_PEER)
    async def put_access(deal: DealNumber) -> Response:
        """Say who may call; goes to every peer of the deal at once."""

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            await calls.answer_from_all(scope, receive, send, deal)

        return Relayed(handle)

    return router


def build_site_routes(calls: CallRelay, sites: Sites) -> APIRouter:
    """Return `/{name}/…`; to be added after all other routes."""
    router = APIRouter(tags=["sites"])

    async def visit(request: Request, name: str, path: str) -> Response:
        """A site's page, by the deal's alias or number; a call (POST) where the app is no site."""
        if name in RESERVED:
            raise _unrouted(request)
        deal = calls.deal_of(name)

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            await sites.answer(scope, receive, send, deal, f"/{name}")

        return Relayed(handle)

    for method in METHODS:
        router.add_api_route(
            "/{name}/{path:path}",
            visit,
            methods=[method],
            response_class=Response,
            responses=FROM_SITE,
            openapi_extra=None if method in ("GET", "HEAD") else SITE_BODY,
            name=f"visit_{method.lower()}",
        )
    return router


def _unrouted(request: Request) -> HTTPException:
    """Return what is wrong with a request to the gateway's own paths that no route takes."""
    path = request.url.path
    allowed = [method for method in METHODS if _is_routed(request, method)]
    if not allowed:
        return HTTPException(HTTPStatus.NOT_FOUND, f"there is nothing at {path:.200}")
    headers = {"Allow": ", ".join(allowed)}
    detail = f"{path:.200} takes {headers['Allow']}, not {request.method}"
    return HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers)


def _is_routed(request: Request, method: str) -> bool:
    """Say whether a route would take the request with this method; the sites', the last, aside."""
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes[:-1])
