"""The call routes (DESIGN 8.7): the same URLs as at a peer, sent on to one that runs the deal."""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated

import httpx
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from gateway.directory import DealRoute, PeerRoute, RememberingDirectory
from gateway.forward import (
    TRY_NEXT,
    Forwarder,
    Outgoing,
    build_outgoing,
    returned_headers,
    stream_body,
)
from kernel.billing import DealStatus
from kernel.errors import InvalidInput, NotFound, RunwayOver, Unreachable
from serving.auth import target_of
from serving.bodies import read_body

DealNumber = Annotated[int, Path(ge=1, lt=2**32, description="a deal's number")]
UNPAID = frozenset({DealStatus.LAPSED, DealStatus.ENDED})
PEER_HEADER = "wasmarket-peer"
PAUSE = 0.1
"""Seconds between two tries."""


class Calls:
    """Answer requests about one deal with what one of its peers says."""

    def __init__(
        self,
        directory: RememberingDirectory,
        forwarder: Forwarder,
        aliases: Mapping[str, int],
        *,
        max_body: int,
        patience: float,
    ) -> None:
        """`max_body` is in bytes, `patience` in seconds."""
        self._directory = directory
        self._forwarder = forwarder
        self._aliases = aliases
        self._max_body = max_body
        self._patience = patience

    async def answer(self, request: Request, deal: int, target: str) -> Response:
        """Send `request` on to a live peer of `deal` under `target`, stream its answer back.

        Raises NotFound (no such deal), RunwayOver, Unreachable (no live peer), TimedOut,
        PeerFailed.
        """
        outgoing = await self._outgoing(request, target)
        wanted = request.headers.get(PEER_HEADER)
        answer = await self._try_peers(outgoing, deal, wanted)
        until = time.monotonic() + self._patience
        # A call that was refused so has not begun, and activation is a matter of a moment.
        while _is_starting(outgoing, answer) and time.monotonic() < until:
            self._directory.forget(deal)
            await asyncio.sleep(PAUSE)
            answer = await self._try_peers(outgoing, deal, wanted)
        if answer.status_code in TRY_NEXT:
            self._directory.forget(deal)
        return StreamingResponse(
            stream_body(answer), answer.status_code, headers=returned_headers(answer)
        )

    async def answer_from_all(self, request: Request, deal: int) -> Response:
        """Send `request` to every peer of `deal`; answer with the worst of what they said.

        Raises as `answer`.
        """
        outgoing = await self._outgoing(request, target_of(request))
        peers = await self._live_peers(deal, None)
        answers = await self._forwarder.send_to_all(outgoing, peers)
        given = [(route, answer) for route, answer in answers if answer is not None]
        if not given:
            raise Unreachable("no peer of the deal can be reached", remedy="try again")
        worst = max((answer for _, answer in given), key=lambda answer: answer.status_code)
        if worst.status_code >= 400:
            return _copy(worst)
        silent = [route.peer for route, answer in answers if answer is None]
        return JSONResponse({"peers": [route.peer for route, _ in given], "silent": silent})

    def deal_of(self, alias: str) -> int:
        """Return the deal behind an alias. Raises NotFound."""
        deal = self._aliases.get(alias)
        if deal is None:
            raise NotFound(f"there is no alias {alias!r} here", remedy="call /v1/deals/{deal}/…")
        return deal

    async def _outgoing(self, request: Request, target: str) -> Outgoing:
        body = await read_body(request, self._max_body)
        return build_outgoing(request.method, target, request.headers.items(), body)

    async def _try_peers(self, outgoing: Outgoing, deal: int, wanted: str | None) -> httpx.Response:
        """Ask the peers that are known, and if none can be reached, those that are new."""
        peers = await self._live_peers(deal, wanted)
        try:
            return await self._forwarder.send(outgoing, peers)
        except Unreachable:
            fresh = await self._changed_peers(deal, wanted, peers)
            return await self._forwarder.send(outgoing, fresh)

    async def _live_peers(self, deal: int, wanted: str | None) -> tuple[PeerRoute, ...]:
        route = await self._directory.find(deal)
        if route is None:
            raise NotFound(f"there is no deal {deal}", field="deal")
        if route.status in UNPAID:
            raise RunwayOver(
                f"deal {deal} is {route.status}: nothing is paid for it",
                field="deal",
                remedy=_unpaid_remedy(route),
            )
        peers = _choose(route.peers, wanted)
        if not peers:
            self._directory.forget(deal)
            raise Unreachable(
                f"no peer runs deal {deal} now", field="deal", remedy="wait for its activation"
            )
        return peers

    async def _changed_peers(
        self, deal: int, wanted: str | None, tried: tuple[PeerRoute, ...]
    ) -> tuple[PeerRoute, ...]:
        """Return peers that were not tried because the directory was out of date."""
        self._directory.forget(deal)
        tried_ids = {(peer.peer, peer.endpoint) for peer in tried}
        fresh = await self._live_peers(deal, wanted)
        return tuple(peer for peer in fresh if (peer.peer, peer.endpoint) not in tried_ids)


def build_call_routes(calls: Calls) -> APIRouter:
    """Return the routes of DESIGN 8.7 that go on to peers."""
    router = APIRouter(tags=["calls"])

    @router.post("/v1/deals/{deal}/{service}/{function}")
    async def call(request: Request, deal: DealNumber, service: str, function: str) -> Response:
        """Call a function: JSON arguments, or raw bytes for functions that take them."""
        return await calls.answer(request, deal, target_of(request))

    @router.get("/v1/deals/{deal}")
    @router.get("/v1/deals/{deal}/interface")
    @router.get("/v1/deals/{deal}/health")
    @router.get("/v1/deals/{deal}/logs")
    @router.get("/v1/deals/{deal}/stats")
    @router.get("/v1/deals/{deal}/access")
    async def read(request: Request, deal: DealNumber) -> Response:
        """What a peer says of the deal; a `Wasmarket-Peer` header chooses which."""
        return await calls.answer(request, deal, target_of(request))

    @router.get("/v1/deals/{deal}/receipts/{epoch}")
    async def read_receipts(request: Request, deal: DealNumber, epoch: int) -> Response:
        """Receipts of an epoch at one peer; a `Wasmarket-Peer` header chooses which."""
        return await calls.answer(request, deal, target_of(request))

    @router.get("/v1/deals/{deal}/receipts/{epoch}/{sequence}")
    async def read_receipt(
        request: Request, deal: DealNumber, epoch: int, sequence: int
    ) -> Response:
        """One receipt with its inclusion proof."""
        return await calls.answer(request, deal, target_of(request))

    @router.put("/v1/deals/{deal}/access")
    async def put_access(request: Request, deal: DealNumber) -> Response:
        """Say who may call; goes to every peer of the deal."""
        return await calls.answer_from_all(request, deal)

    return router


def build_alias_routes(calls: Calls) -> APIRouter:
    """Return `/{alias}/{service}/{function}`; to be added after all other routes."""
    router = APIRouter(tags=["calls"])

    @router.post("/{alias}/{service}/{function}")
    async def call_alias(request: Request, alias: str, service: str, function: str) -> Response:
        """Call a function of the deal behind an alias."""
        deal = calls.deal_of(alias)
        query = f"?{request.url.query}" if request.url.query else ""
        return await calls.answer(request, deal, f"/v1/deals/{deal}/{service}/{function}{query}")

    return router


def _choose(peers: tuple[PeerRoute, ...], wanted: str | None) -> tuple[PeerRoute, ...]:
    if wanted is None:
        return peers
    if not (wanted.isascii() and wanted.isdigit()):
        raise InvalidInput(f"{wanted!r} is not a peer's number", field="Wasmarket-Peer")
    return tuple(peer for peer in peers if peer.peer == int(wanted))


def _is_starting(outgoing: Outgoing, answer: httpx.Response) -> bool:
    return outgoing.method == "POST" and answer.status_code == httpx.codes.SERVICE_UNAVAILABLE


def _unpaid_remedy(route: DealRoute) -> str:
    if route.status is DealStatus.ENDED:
        return "deploy again"
    return f"top it up: `wasmarket top-up {route.deal} AMOUNT`; a new match follows"


def _copy(answer: httpx.Response) -> Response:
    return Response(answer.content, answer.status_code, headers=returned_headers(answer))
