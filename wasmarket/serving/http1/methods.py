"""Methods that no route names itself: HEAD and OPTIONS, and what a path takes (RFC 9110, 9.3)."""

from http import HTTPStatus

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ANYWHERE = ("GET", "HEAD", "OPTIONS", "POST", "PUT")
"""What `OPTIONS *` names: methods that some path takes."""


class ImpliedMethods:
    """ASGI middleware right in front of the routes.

    HEAD is answered as GET is, without the body; OPTIONS and 405 name all methods of a path.
    Routes that take HEAD or OPTIONS themselves are left alone.
    """

    def __init__(self, app: ASGIApp, fallbacks: int = 0) -> None:
        """`fallbacks` is how many of the last routes take whatever no other takes: they answer
        for themselves.
        """
        self._app = app
        self._fallbacks = fallbacks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD" and "HEAD" not in (taken := self._find(scope)) and "GET" in taken:
            head_only = _HeadOnly(receive, send)
            await self._app({**scope, "method": "GET"}, head_only.receive, head_only.send)
        elif method == "OPTIONS" and (allowed := self._find_options(scope)):
            headers = [(b"allow", _list(allowed))]
            start = {"type": "http.response.start", "status": HTTPStatus.NO_CONTENT}
            await send(start | {"headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, self._name_methods(scope, send))

    def _name_methods(self, scope: Scope, send: Send) -> Send:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                allowed = self._find(scope)
                if allowed:
                    others = [header for header in message["headers"] if header[0] != b"allow"]
                    message["headers"] = [*others, (b"allow", _list(_with_implied(allowed)))]
            await send(message)

        return send_named

    def _find_options(self, scope: Scope) -> set[str]:
        """Return what OPTIONS names for a path; nothing for one that has its own way, or none."""
        if scope["path"] == "*":
            return set(ANYWHERE)
        taken = self._find(scope)
        return set() if not taken or "OPTIONS" in taken else _with_implied(taken)

    def _find(self, scope: Scope) -> set[str]:
        """Return the methods that routes take at the path of a request."""
        routes = scope["app"].routes
        routes = routes[: len(routes) - self._fallbacks]
        return {
            method
            for method in METHODS
            if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
        }


class _HeadOnly:
    """What a route for GET reads and sends while only the head of its answer is wanted."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_over = False

    async def receive(self) -> Message:
        """Return the next message; the caller is gone once the head is sent."""
        return {"type": "http.disconnect"} if self._is_over else await self._receive()

    async def send(self, message: Message) -> None:
        """Send the head, and the end in place of the body."""
        if message["type"] == "http.response.start":
            await self._send(message)
        elif not self._is_over:
            self._is_over = True
            await self._send({"type": "http.response.body", "body": b""})


def _with_implied(taken: set[str]) -> set[str]:
    return taken | ({"HEAD", "OPTIONS"} if "GET" in taken else {"OPTIONS"})


def _list(methods: set[str]) -> bytes:
    return ", ".join(sorted(methods)).encode("ascii")
