"""Answer requests about a deal with what one of its peers says (DESIGN 8.7)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.api.incoming import BodyLimits, Incoming
from gateway.api.relay import pass_on, returned_headers
from gateway.directory.deals import DealRoute, PeerRoute, RememberingDirectory
from gateway.upstream.access_documents import AccessDocuments, SignedDocument
from gateway.upstream.forward import TRY_NEXT, Forwarder
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import InvalidInput, MarketError, NotFound, RunwayOver, Unreachable
from wasmarket.kernel.signing.requests import SCHEME
from wasmarket.serving.auth import PEER_PARAMETER
from wasmarket.serving.peer_wire.connection import Header, Outgoing, PeerAnswer

logger = logging.getLogger(__name__)

UNPAID = frozenset({DealStatus.LAPSED, DealStatus.ENDED})
FORWARDED = frozenset({b"accept", b"authorization", b"content-type", b"prefer"})
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT"})
IDEMPOTENCY_KEY = b"idempotency-key"
PEER_HEADER = b"wasmarket-peer"
RECEIPT = b"wasmarket-receipt"
HEAD = b"wasmarket-head"
PAUSE = 0.1
"""Seconds between two tries."""

Clock = Callable[[], float]
CallWatch = Callable[[int, str, str, bytes], object]
"""Hears of a call, on the event loop: the peer, `Wasmarket-Receipt` and `Wasmarket-Head` of its
answer (empty: none), the input. Must not block."""


class CallRelay:
    """Send requests on to a live peer of a deal."""

    def __init__(
        self,
        directory: RememberingDirectory,
        forwarder: Forwarder,
        names: Mapping[str, int],
        limits: BodyLimits,
        documents: AccessDocuments,
        *,
        patience: float,
        clock: Clock,
        watch: CallWatch | None = None,
    ) -> None:
        """`names` are the aliases; `patience` is in seconds, as is what `clock` returns; `watch`
        hears of calls that were answered.
        """
        self._watch = watch
        self._documents = documents
        self._directory = directory
        self._forwarder = forwarder
        self._names = names
        self._patience = patience
        self._clock = clock
        self.limits = limits

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, deal: int, target: str | None = None
    ) -> None:
        """Send a request on under `target` (as it came, without one), pass the answer back.

        Raises NotFound (no such deal), RunwayOver, Unreachable (no live peer), TimedOut,
        PeerFailed, TooLarge.
        """
        incoming = Incoming(scope, receive)
        body = await incoming.read_body(self.limits)
        outgoing = Outgoing(
            method=incoming.method,
            target=target or incoming.target,
            headers=forwarded_headers(incoming),
            body=body.start,
            idempotent=is_idempotent(incoming, IDEMPOTENT_METHODS),
            more=body.more,
            length=body.length,
        )
        answer, route = await self.send(outgoing, deal, incoming)
        if self._watch is not None and body.more is None:
            _tell(self._watch, route.peer, answer, body.start)
        try:
            headers = returned_headers(answer)
            length = answer.length
            await pass_on(answer, answer.status, headers, receive, send, length=length)
        finally:
            answer.close()

    async def send(
        self, outgoing: Outgoing, deal: int, incoming: Incoming
    ) -> tuple[PeerAnswer, PeerRoute]:
        """Send a request to a live peer; wait a moment where all say that the deal is starting.

        Raises as `answer`.
        """
        wanted = incoming.header(PEER_HEADER) or _named_peer(outgoing.target)
        answer, route = await self._try_peers(outgoing, deal, wanted)
        if answer.status in TRY_NEXT:
            until = self._clock() + self._patience
            # A call that was refused so has not begun, and activation is a matter of a moment.
            while _is_starting(outgoing, answer) and self._clock() < until:
                self._directory.forget(deal)
                await asyncio.sleep(PAUSE)
                again, route = await self._try_peers(outgoing, deal, wanted)
                if again.status == HTTPStatus.CONFLICT and _is_signed(incoming):
                    # It has counted the nonce already: what it said then is what the caller needs.
                    again.close()
                    break
                answer = again
            if answer.status in TRY_NEXT:
                self._directory.forget(deal)
        scope: Any = incoming.scope
        scope["state"]["facts"] = {"deal": deal, "peer": route.peer}
        return answer, route

    async def answer_from_all(self, scope: Scope, receive: Receive, send: Send, deal: int) -> None:
        """Send a request to every peer of `deal` at once; answer which have it, or with the worst
        of what they said. Raises as `answer`.
        """
        incoming = Incoming(scope, receive)
        body = await incoming.read_body(self.limits)
        if body.more is not None:
            raise InvalidInput("the document is too large")
        headers = forwarded_headers(incoming)
        outgoing = Outgoing(incoming.method, incoming.target, headers, body.start, True)
        peers = await self.live_peers(deal, None)
        answers = await self._forwarder.send_to_all(outgoing, peers)
        given = [(route, answer) for route, answer in answers if answer is not None]
        if not given:
            raise Unreachable("no peer of the deal can be reached", remedy="try again")
        worst = max((answer for _, answer in given), key=lambda answer: answer.status)
        if worst.status >= 400:
            headers_back = returned_headers(worst)
            await pass_on(worst, worst.status, headers_back, receive, send, length=worst.length)
            return
        await self._keep_document(outgoing, incoming, deal, [route for route, _ in given])
        silent = [route.peer for route, answer in answers if answer is None]
        facts = {"peers": [route.peer for route, _ in given], "silent": silent}
        await JSONResponse(facts)(scope, receive, send)

    async def _keep_document(
        self, outgoing: Outgoing, incoming: Incoming, deal: int, told: list[PeerRoute]
    ) -> None:
        """Keep the access document that peers have taken, for those that start later."""
        authorization = incoming.header(b"authorization") or ""
        signed = SignedDocument(outgoing.target, outgoing.body.decode(), authorization)
        try:
            await self._documents.keep(await self.find(deal), signed, told)
        except (MarketError, OSError) as error:
            # The peers have it all the same, and what they say is what counts.
            logger.warning("access document not kept", extra={"deal": deal, "why": str(error)})

    def deal_of(self, name: str) -> int:
        """Return the deal behind an alias or a number. Raises NotFound."""
        deal = self._names.get(name)
        if deal is None and name.isascii() and name.isdigit() and 0 < int(name[:11]) < 2**32:
            deal = int(name)
        if deal is None:
            raise NotFound(f"there is no alias {name!r:.80} here", remedy="call /v1/deals/{deal}/…")
        return deal

    async def former_peers(self, deal: int, wanted: str | None) -> tuple[PeerRoute, ...]:
        """Return peers that may keep records of a deal that they run no more.

        Raises NotFound, Unreachable, InvalidInput.
        """
        former = await self._directory.find_former(deal)
        return former if wanted is None else _choose(former, wanted)

    async def live_peers(self, deal: int, wanted: str | None) -> tuple[PeerRoute, ...]:
        """Return the active peers of a deal, or the one that is wanted.

        Raises NotFound, RunwayOver, Unreachable, InvalidInput.
        """
        route = await self.find(deal)
        peers = route.peers if wanted is None else _choose(route.peers, wanted)
        if not peers:
            self._directory.forget(deal)
            if route.peers:
                raise NotFound(
                    f"peer {wanted:.20} does not run deal {deal}",
                    field="peer",
                    remedy=f"these do: {', '.join(str(peer.peer) for peer in route.peers)}",
                )
            raise Unreachable(
                f"no peer runs deal {deal} now", field="deal", remedy="wait for its activation"
            )
        return peers

    async def find(self, deal: int) -> DealRoute:
        """Return a deal that is paid for. Raises NotFound, RunwayOver."""
        route = await self._directory.find(deal)
        if route is None:
            raise NotFound(
                f"there is no deal {deal}",
                field="deal",
                remedy="check the number; a deal made just now is known in a few seconds",
            )
        if route.status in UNPAID:
            raise RunwayOver(
                f"deal {deal} is {route.status}: nothing is paid for it",
                field="deal",
                remedy=_unpaid_remedy(route),
            )
        return route

    async def _try_peers(
        self, outgoing: Outgoing, deal: int, wanted: str | None
    ) -> tuple[PeerAnswer, PeerRoute]:
        """Ask the peers that are known, and if none can be reached, those that are new."""
        try:
            peers = await self.live_peers(deal, wanted)
        except (NotFound, RunwayOver, Unreachable):
            # Logs and receipts are kept by peers that ran the deal, after it as well.
            former = await self.former_peers(deal, wanted) if is_record(outgoing) else ()
            if not former:
                raise
            return await self._forwarder.send(outgoing, deal, former)
        try:
            return await self._send_to(outgoing, deal, peers)
        except Unreachable:
            fresh = await self._changed_peers(deal, wanted, peers)
            return await self._send_to(outgoing, deal, fresh)

    async def _send_to(
        self, outgoing: Outgoing, deal: int, peers: tuple[PeerRoute, ...]
    ) -> tuple[PeerAnswer, PeerRoute]:
        """Send a request to one of these peers that knows who may call."""
        if deal in self._documents:
            peers = await self._documents.hand_over(deal, peers)
            if not peers:
                raise Unreachable(
                    f"no peer of deal {deal} has taken its access document yet",
                    field="deal",
                    remedy="try again in a moment",
                )
        return await self._forwarder.send(outgoing, deal, peers)

    async def _changed_peers(
        self, deal: int, wanted: str | None, tried: tuple[PeerRoute, ...]
    ) -> tuple[PeerRoute, ...]:
        """Return peers that were not tried because the directory was out of date."""
        self._directory.forget(deal)
        tried_ids = {(peer.peer, peer.endpoint) for peer in tried}
        fresh = await self.live_peers(deal, wanted)
        return tuple(peer for peer in fresh if (peer.peer, peer.endpoint) not in tried_ids)


def _tell(watch: CallWatch, peer: int, answer: PeerAnswer, body: bytes) -> None:
    """Tell of a call whose answer has a receipt."""
    found = {name: value for name, value in answer.headers if name in (RECEIPT, HEAD)}
    if RECEIPT in found:
        head = found.get(HEAD, b"")
        watch(peer, found[RECEIPT].decode("latin-1"), head.decode("latin-1"), body)


def forwarded_headers(incoming: Incoming) -> tuple[Header, ...]:
    """Return what goes on to a peer of a request's headers, with the request's id."""
    kept = [(name, value) for name, value in incoming.headers if name in FORWARDED]
    kept.append((b"x-request-id", incoming.request_id.encode("ascii")))
    return tuple(kept)


def is_record(outgoing: Outgoing) -> bool:
    """Say whether a request reads what peers keep of a deal after they have run it."""
    parts = outgoing.target.partition("?")[0].split("/")
    return outgoing.method in ("GET", "HEAD") and parts[4:5] in (["logs"], ["receipts"], ["stats"])


def is_idempotent(incoming: Incoming, methods: frozenset[str]) -> bool:
    """Say whether a request may run twice: by its method, or because its caller says so."""
    return incoming.method in methods or incoming.header(IDEMPOTENCY_KEY) is not None


def _named_peer(target: str) -> str | None:
    """Return the peer that a request's query names, which signatures cover."""
    query = target.partition("?")[2]
    return next(iter(parse_qs(query).get(PEER_PARAMETER, ())), None) if query else None


def _choose(peers: tuple[PeerRoute, ...], wanted: str) -> tuple[PeerRoute, ...]:
    """Return the peer that was asked for, none if it is not the deal's. Raises InvalidInput."""
    if not (wanted.isascii() and wanted.isdigit()):
        raise InvalidInput(
            f"{wanted!r:.40} is not a peer's number", field="peer", remedy="give a number"
        )
    return tuple(peer for peer in peers if peer.peer == int(wanted[:11]))


def _is_signed(incoming: Incoming) -> bool:
    return (incoming.header(b"authorization") or "").startswith(SCHEME)


def _is_starting(outgoing: Outgoing, answer: PeerAnswer) -> bool:
    return outgoing.method == "POST" and answer.status == 503 and outgoing.more is None


def _unpaid_remedy(route: DealRoute) -> str:
    if route.status is DealStatus.ENDED:
        return "deploy again"
    return f"top it up: `wasmarket top-up {route.deal} AMOUNT`; a new match follows"
