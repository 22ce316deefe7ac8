"""Tell clients apart, and refuse those that open too much at once."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from wasmarket.kernel.errors import LimitReached
from wasmarket.serving.callers.addresses import Clients, group_of
from wasmarket.serving.callers.limits import RateLimit
from wasmarket.serving.problems import render, request_id_of

WEBHOOKS = "/v1/webhooks/"


class KnownClients:
    """ASGI middleware: note who asks; count what changes something, but for signed webhooks."""

    def __init__(self, app: ASGIApp, limit: RateLimit, clients: Clients) -> None:
        self._app = app
        self._limit = limit
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = group_of(self._clients.of(scope).address)
        scope.setdefault("state", {})["client"] = client
        if scope["method"] == "POST" and not scope["path"].startswith(WEBHOOKS):
            try:
                self._limit.check(client)
            except LimitReached as error:
                await render(error, request_id_of(Request(scope)))(scope, receive, send)
                return
        await self._app(scope, receive, send)
