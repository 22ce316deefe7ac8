"""Read calls from ASGI, in front of the framework: for servers other than ours."""

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from peer.api.fastpath.handler import Answered, CallHandler, too_large
from peer.api.fastpath.head import CallHead, make_id, read_target
from wasmarket.kernel.errors import MarketError, TooLarge
from wasmarket.serving.http1.head import Headers, find_single

_LENGTH: Final = b"content-length"


class Disconnected(Exception):
    """The caller went away before the whole body was here."""


class CallPath:
    """ASGI middleware: calls end here, everything else goes on."""

    def __init__(self, app: ASGIApp, *, calls: CallHandler) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        target = read_target(scope["raw_path"]) if is_post and not scope["query_string"] else None
        if target is None:
            await self._app(scope, receive, send)
            return
        calls, request_id = self._calls, make_id()
        try:
            head = CallHead(target, scope["headers"], lambda: scope)
            request_id = head.request_id or request_id
            body = await read_body(scope["headers"], receive, calls.find_limit(target[0]))
            answered = await calls.answer(head, request_id, body)
        except MarketError as error:
            answered = calls.render(error, request_id)
        except Disconnected:
            return
        await send_answer(send, calls.count(answered))


async def send_answer(send: Send, answered: Answered) -> None:
    """Send a whole response."""
    status, lines, answer = answered
    headers = [*split_lines(lines), (_LENGTH, b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def split_lines(lines: bytes) -> Headers:
    """Return the names and values of a head's lines, which are our own."""
    return [
        (name, value)
        for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])
    ]


async def read_body(
    headers: Headers,
    receive: Receive,
    limit: int,
    refuse: Callable[[int], TooLarge] = too_large,
) -> bytes:
    """Return the whole body, at most `limit` bytes. Raises `refuse`'s before reading further."""
    declared = find_single(headers, _LENGTH) or b""
    if declared.isdigit() and int(declared[:20]) > limit:
        raise refuse(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    first: bytes = message.get("body", b"")
    if len(first) > limit:
        raise refuse(limit)
    if not message.get("more_body", False):
        return first
    chunks = bytearray(first)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks += message.get("body", b"")
        if len(chunks) > limit:
            raise refuse(limit)
    return bytes(chunks)
