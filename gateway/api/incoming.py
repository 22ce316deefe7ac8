"""Read a caller's request: its head as it was sent, its body by and by."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.types import Receive, Scope

from wasmarket.kernel.errors import BrokenOff, TimedOut, TooLarge
from wasmarket.serving.bodies import allow_body
from wasmarket.serving.http1.head import find_single
from wasmarket.serving.peer_wire.connection import Header


class CallerGone(BrokenOff):
    """Client closed the request"""

    slug = "caller-gone"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Most bytes of a body, of the part that is held in memory, and seconds of silence."""

    body_bytes: int
    held_bytes: int
    silence_seconds: float


@dataclass(frozen=True, slots=True)
class Body:
    """The start of a body, the rest if there is more, and the length of both if it is known."""

    start: bytes
    more: AsyncIterator[bytes] | None = None
    length: int | None = None


class Incoming:
    """A request as the server hands it over."""

    __slots__ = ("headers", "method", "path", "query", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Wrap what ASGI gives."""
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii")
        self.query: str = scope["query_string"].decode("ascii")
        self.headers: list[Header] = scope["headers"]

    @property
    def target(self) -> str:
        """Return path and query as they were sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def header(self, wanted: bytes) -> str | None:
        """Return the header of a lower-case name. Raises InvalidInput if it stands there twice."""
        value = find_single(self.headers, wanted)
        return None if value is None else value.decode("latin-1")

    @property
    def request_id(self) -> str:
        """Return the id that the service gave to this request."""
        return str(self.scope.get("state", {}).get("request_id", ""))

    async def read_body(self, limits: BodyLimits) -> Body:
        """Read the body up to `held_bytes`; what is longer comes by and by.

        Raises TooLarge, CallerGone, TimedOut; so does the rest of a long body.
        """
        allow_body(self.scope, limits.body_bytes)
        declared = self.header(b"content-length")
        length = int(declared) if declared and declared.isascii() and declared.isdigit() else None
        if length is not None and length > limits.body_bytes:
            raise _too_large(limits)
        message = await self.receive()
        if message["type"] != "http.request":
            raise CallerGone("the caller hung up")
        if not message.get("more_body"):
            start: bytes = message.get("body", b"")
            if len(start) > limits.body_bytes:
                raise _too_large(limits)
            return Body(start)
        held = bytearray(message.get("body", b""))
        parts = self._read_parts(limits, len(held))
        async for part in parts:
            held += part
            if len(held) > limits.held_bytes:
                return Body(bytes(held), parts, length)
        return Body(bytes(held))

    async def _read_parts(self, limits: BodyLimits, read: int) -> AsyncIterator[bytes]:
        while True:
            if read > limits.body_bytes:
                raise _too_large(limits)
            try:
                async with asyncio.timeout(limits.silence_seconds):
                    message = await self.receive()
            except TimeoutError as error:
                raise TimedOut("the body did not come in time") from error
            if message["type"] != "http.request":
                raise CallerGone("the caller hung up")
            part = message.get("body", b"")
            read += len(part)
            if part and read <= limits.body_bytes:
                yield part
            if not message.get("more_body"):
                if read > limits.body_bytes:
                    raise _too_large(limits)
                return


def _too_large(limits: BodyLimits) -> TooLarge:
    return TooLarge(f"the body is larger than {limits.body_bytes} bytes", remedy="send less")
