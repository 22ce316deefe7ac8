"""Read request bodies without ever holding more than a limit allows."""

from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wasmarket.kernel.errors import TooLarge

MAX_BODY: Final = 64 * 1024
"""Bytes of a body where the route names no other limit."""
_LIMIT: Final = "wasmarket.body_limit"


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes. Raises TooLarge before reading further."""
    allow_body(request.scope, limit)
    if _declared(request.scope) > limit:
        raise too_large(limit)
    chunks = bytearray()
    async for chunk in request.stream():
        if len(chunks) + len(chunk) > limit:
            raise too_large(limit)
        chunks += chunk
    return bytes(chunks)


def allow_body(scope: Scope, limit: int) -> None:
    """Let a request's body have `limit` bytes instead of `MAX_BODY`; its reader minds them too."""
    scope[_LIMIT] = limit


class BoundedBodies:
    """ASGI middleware: no route reads more than `MAX_BODY` bytes unless it says how much it takes.

    Whoever reads on gets TooLarge, also the framework when it parses a body for a route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read = 0

        async def receive_bounded() -> Message:
            nonlocal read
            limit: int = scope.get(_LIMIT, MAX_BODY)
            if _declared(scope) > limit:
                raise too_large(limit)
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise too_large(limit)
            return message

        await self._app(scope, receive_bounded, send)


def _declared(scope: Scope) -> int:
    """Return the length that a request says its body has, 0 if it says none."""
    given = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(given[:20]) if given.isdigit() else 0


def too_large(limit: int) -> TooLarge:
    """Return the error of a body above a limit in bytes."""
    return TooLarge(f"the body is larger than {limit} bytes", remedy="send less at once")
