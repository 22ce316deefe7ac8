"""Answer plain quotes in front of the framework: at 100,000 offers it costs more than the quote.

Whatever is not plain (a strange body, a book that must be read first) goes on to the route, which
answers the same, only slower. Changes of the book are looked for beside the answers: if those that
come meanwhile waited for it, each in a thread of its own, they would be the slowest of all.
"""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matcher.api.requirements import read_quickly
from matcher.engine.answers.quotes import Quote, quote
from matcher.orderbook.reader import BookReader
from wasmarket.kernel.errors import TooLarge
from wasmarket.serving.problems import render, request_id_of

PATH = "/v1/quotes"


class QuickQuotes:
    """Middleware for `POST /v1/quotes`."""

    def __init__(self, app: ASGIApp, book: BookReader) -> None:
        """Pass on to `app` what is not answered from `book` at once."""
        self._app = app
        self._book = book
        self._look: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on with the body that was read of it."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        try:
            while not messages or messages[-1].get("more_body"):
                messages.append(await receive())
        except TooLarge as error:
            await render(error, request_id_of(Request(scope)))(scope, receive, send)
            return
        body = b"".join(message.get("body", b"") for message in messages)
        if self._book.claim_look():
            self._look = asyncio.get_running_loop().run_in_executor(None, self._book.look)
        is_whole = messages[-1]["type"] == "http.request"
        answer = self._answer(body) if is_whole and _is_json(scope) else None
        if answer is None:
            await self._app(scope, _put_back(messages, receive), send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, body: bytes) -> bytes | None:
        demand = read_quickly(body)
        if demand is None:
            return None
        with self._book.at_once() as snapshot:
            if snapshot is None:
                return None
            return write_quotes(quote(demand, snapshot.book_for(demand)))


def write_quotes(curve: tuple[Quote, ...]) -> bytes:
    """Write a price curve as JSON."""
    return msgspec.json.encode(
        [{"units": p.units, "total": str(p.total), "price_max": str(p.price_max)} for p in curve]
    )


def _is_json(scope: Scope) -> bool:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return kinds == [b"application/json"]


def _put_back(messages: list[Message], receive: Receive) -> Receive:
    """Give the messages that were read once more, then what follows them."""
    waiting = messages[::-1]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
