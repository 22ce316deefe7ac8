"""What every request meets first: rate limits, CORS, and the short way to calls and sites.

Calls and sites are most of what a gateway does, so they do not go through the web framework, which
would cost more than the rest of the gateway; all else does, calls that are oddly spelt included.
"""

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.calls import CallRelay
from gateway.api.cors import Cors, allow, answer_preflight, find_origin, is_preflight
from gateway.api.incoming import CallerGone
from gateway.api.measured import PATH as MEASURED
from gateway.api.sites import Sites
from gateway.metrics import GatewayMetrics
from wasmarket.kernel.errors import MarketError, NotFound, TooLarge
from wasmarket.serving.callers.addresses import Clients, group_of
from wasmarket.serving.callers.api_keys import read_key
from wasmarket.serving.callers.limits import RateLimit, RateLimited
from wasmarket.serving.explorer.routes import PATH
from wasmarket.serving.http1.head import find_single
from wasmarket.serving.peer_wire.connection import Header
from wasmarket.serving.problems import render, request_id_of

RESERVED = frozenset({"", "v1", "ipfs", "metrics", "docs", "redoc", "openapi.json", PATH})
"""First parts of paths that are the gateway's own."""
UNLIMITED = frozenset({"/v1/health/live", "/v1/health/ready", "/metrics", "/v1/status"})
"""The gateway's own pages, by which it is watched."""
DEALS = "/v1/deals/"
OPEN = ("/ipfs/", MEASURED)
"""Paths of routes that are open to pages of every origin, and say so themselves."""
ALLOWS = b"access-control-"

Handler = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """Who may ask how often."""

    by_address: RateLimit
    by_key: RateLimit


class Edge:
    """ASGI middleware in front of a gateway's routes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        calls: CallRelay,
        sites: Sites,
        clients: Clients,
        cors: Cors,
        limits: EdgeLimits,
        hosts: Mapping[str, int],
        metrics: GatewayMetrics,
    ) -> None:
        """`hosts` are the host names that are sites of their own, with their deals."""
        self._app = app
        self._calls = calls
        self._sites = sites
        self._clients = clients
        self._cors = cors
        self._limits = limits
        self._hosts = hosts
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sending = _Sending(send, [])
        try:
            deal, handler, is_named = self._find(scope)
            is_open = handler is None and scope["path"].startswith(OPEN)
            is_crossing = find_origin(scope) is not None and not is_open
            if is_crossing:
                # Nothing is looked up for who comes too often: the operator's rules have to do.
                sending.added = allow(self._cors.choose(deal, None, is_visit=False), scope)
            # By the name of a site any path is the site's, however it is called.
            if handler is not None or scope["path"] not in UNLIMITED:
                self._check_limits(scope)
            if is_crossing:
                app = None if deal is None else await self._sites.find_app(deal)
                is_visit = is_named and app is not None and app.site is not None
                rules = self._cors.choose(deal, app, is_visit=is_visit)
                sending.added = allow(rules, scope)
                if sending.added and is_preflight(scope):
                    await answer_preflight(rules, sending.added, send, is_visit=is_visit)
                    return
            await (handler or self._app)(scope, receive, sending)
        except CallerGone:
            return
        except MarketError as error:
            # What has begun cannot become another answer: break off, so that the caller sees it.
            if sending.has_begun:
                raise
            if isinstance(error, RateLimited | TooLarge) and _has_body(scope):
                sending.add((b"connection", b"close"))
            await render(error, request_id_of(Request(scope)))(scope, receive, sending)

    def _find(self, scope: Scope) -> tuple[int | None, Handler | None, bool]:
        """Return the deal a request is about, the short way to answer it, and whether it has
        the deal by a name, as sites have.
        """
        if self._hosts:
            deal = self._hosts.get(_host(scope))
            if deal is not None:
                return deal, self._site(deal, ""), True
        path: str = scope["raw_path"].decode("ascii")
        if path.startswith(DEALS):
            return self._find_call(scope, path)
        name = path[1:].partition("/")[0]
        if name in RESERVED:
            return None, None, False
        try:
            deal = self._calls.deal_of(name)
        except NotFound:
            return None, None, False
        return deal, self._site(deal, f"/{name}"), True

    def _find_call(self, scope: Scope, path: str) -> tuple[int | None, Handler | None, bool]:
        parts = path[len(DEALS) :].split("/")
        number = parts[0]
        if not (number.isdigit() and 0 < int(number[:11]) < 2**32):
            return None, None, False
        deal = int(number)
        if scope["method"] != "POST" or len(parts) != 3 or not (parts[1] and parts[2]):
            return deal, None, False

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            await self._calls.answer(scope, receive, send, deal)

        return deal, call, False

    def _site(self, deal: int, prefix: str) -> Handler:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._sites.answer(scope, receive, send, deal, prefix)

        return answer

    def _check_limits(self, scope: Scope) -> None:
        """Count a request. Raises RateLimited."""
        limits = self._limits
        if not (limits.by_address.is_on or limits.by_key.is_on):
            return
        try:
            limits.by_address.check(group_of(self._clients.of(scope).address))
        except RateLimited:
            self._metrics.limited.labels("address").inc()
            raise
        # The same reading as at the peer, which lets the key in or not.
        given = find_single(scope["headers"], b"authorization")
        key = read_key(given.decode("latin-1")) if given is not None else None
        if key is not None:
            # The key itself is nothing to keep in memory for longer than its call.
            key = hashlib.sha256(key.encode()).hexdigest()
            try:
                limits.by_key.check(key)
            except RateLimited:
                self._metrics.limited.labels("key").inc()
                raise


class _Sending:
    """A `send` that adds headers to the answer's head and knows whether it has begun."""

    __slots__ = ("_send", "added", "has_begun")

    def __init__(self, send: Send, added: list[Header]) -> None:
        self._send = send
        self.added = added
        self.has_begun = False

    def add(self, header: Header) -> None:
        """Add one more header."""
        self.added = [*self.added, header]

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            if self.added:
                # What a site's function says of other origins has no say beside its app's rules.
                kept = [h for h in message.get("headers", ()) if not h[0].startswith(ALLOWS)]
                message["headers"] = [*kept, *self.added]
        await self._send(message)


def _host(scope: Scope) -> str:
    """Return the host that a request names, without its port."""
    given = (find_single(scope["headers"], b"host") or b"").decode("latin-1").lower()
    name, _, port = given.rpartition(":")
    host = name if name and (port.isdigit() or not port) else given
    return host.removesuffix(".")


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
