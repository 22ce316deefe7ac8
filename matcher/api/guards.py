"""What every request passes first: a limit of its body's size and of its sender's rate."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kernel.errors import LimitReached, TooLarge
from matcher.limits import RateLimit
from serving.problems import render, request_id_of

MAX_BODY = 64 * 1024
CHANGES = frozenset({"POST", "PUT", "DELETE"})
QUESTIONS = frozenset({"/v1/quotes"})
"""Asked by POST, but nothing is kept of them."""


class Guards:
    """Refuse bodies above `max_body` bytes and clients above their rate, with problem documents."""

    def __init__(
        self, app: ASGIApp, rate: RateLimit, writes: RateLimit, max_body: int = MAX_BODY
    ) -> None:
        self._app = app
        self._rate = rate
        self._writes = writes
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        problem: LimitReached | TooLarge | None = None
        try:
            client = request.client.host if request.client else ""
            self._rate.check(client)
            if request.method in CHANGES and request.url.path not in QUESTIONS:
                self._writes.check(client)
            _check_length(request.headers.get("content-length", ""), self._max_body)
        except (LimitReached, TooLarge) as error:
            problem = error
        if problem is not None:
            await render(problem, request_id_of(request))(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, self._max_body), send)


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
