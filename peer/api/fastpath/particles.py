"""Take particles in front of the framework: a script's way has many of them, each a small frame."""

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from peer.api.fastpath.asgi import Disconnected, read_body, send_answer
from peer.api.fastpath.handler import ID_LINE, CallHandler
from peer.api.fastpath.head import ID_HEADER, JSON_LINE, make_id, read_id
from wasmarket.serving.bodies import too_large
from wasmarket.serving.http1.head import find_single

PATH: Final = b"/v1/particles"
ACCEPTED: Final = 202

TakeFrame = Callable[[bytes, Scope], str]
"""Takes a particle's frame that came by a request; returns the id. Raises why it does not."""


class ParticlePath:
    """ASGI middleware: particles end here, everything else goes on."""

    def __init__(self, app: ASGIApp, *, calls: CallHandler, take: TakeFrame, limit: int) -> None:
        """`limit` is the most bytes of a frame."""
        self._app = app
        self._calls = calls
        self._take = take
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or scope["raw_path"] != PATH
            or scope["query_string"]
        ):
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        request_id = make_id()
        try:
            request_id = read_id(find_single(headers, ID_HEADER)) or request_id
            frame = await read_body(headers, receive, self._limit, too_large)
            text = msgspec.json.encode({"id": self._take(frame, scope)})
            answered = ACCEPTED, ID_LINE % request_id + JSON_LINE, text
        except Disconnected:
            return
        except Exception as error:
            # What is no MarketError is logged there.
            answered = self._calls.render(error, request_id)
        await send_answer(send, self._calls.count(answered))
