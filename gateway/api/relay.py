"""Pass a peer's answer on to the caller, as it comes."""

import asyncio
from collections.abc import Sequence

from starlette.types import Receive, Send

from wasmarket.serving.peer_wire.connection import SMALL, Header, PeerAnswer

RETURNED = frozenset(
    {
        b"content-type",
        b"etag",
        b"preference-applied",
        b"retry-after",
        b"vary",
        b"www-authenticate",
    }
)
RETURNED_PREFIX = b"wasmarket-"


def returned_headers(answer: PeerAnswer) -> list[Header]:
    """Return the headers of a peer's answer that the caller gets."""
    return [
        (name, value)
        for name, value in answer.headers
        if name in RETURNED or name.startswith(RETURNED_PREFIX)
    ]


async def pass_on(
    answer: PeerAnswer,
    status: int,
    headers: Sequence[Header],
    receive: Receive,
    send: Send,
    *,
    start: bytes = b"",
    length: int | None = None,
) -> None:
    """Send `status` and `headers`, then `start` and what is left of the answer's body.

    `length` is that of both, None if it is not known. Raises PeerFailed, TimedOut when the peer
    breaks off: before anything was sent to the caller, if the body is small.
    """
    sent = list(headers)
    if length is not None:
        sent.append((b"content-length", b"%d" % length))
        if length <= SMALL:
            body = bytearray(start)
            while len(body) < length and (chunk := await answer.read()):
                body += chunk
            await _finish(answer)
            await send({"type": "http.response.start", "status": status, "headers": sent})
            await send({"type": "http.response.body", "body": bytes(body)})
            return
    await send({"type": "http.response.start", "status": status, "headers": sent})
    gone = asyncio.create_task(_wait_gone(receive))
    try:
        await _stream(answer, start, gone, send)
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _stream(answer: PeerAnswer, start: bytes, gone: "asyncio.Task[None]", send: Send) -> None:
    """Send the body on until its end, or until the caller has gone."""
    if start:
        await send({"type": "http.response.body", "body": start, "more_body": True})
    while True:
        reading = asyncio.ensure_future(answer.read())
        try:
            await asyncio.wait((reading, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not reading.done():
                reading.cancel()
        if not reading.done() or reading.cancelled():
            return
        chunk = reading.result()
        if not chunk:
            return
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _finish(answer: PeerAnswer) -> None:
    """Read what is left, so that the connection is clean."""
    while await answer.read():
        pass


async def _wait_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
