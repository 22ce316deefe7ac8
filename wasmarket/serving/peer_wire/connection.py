"""One connection to a peer and the one HTTP/1.1 exchange that is under way on it.

A library's parser (httptools, which is llhttp) reads what peers send; the rest is a socket, a
queue and a deadline. A general client spends more time on one call than a gateway may add to it
(decision 0018).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from wasmarket.kernel.errors import BrokenOff, MarketError, TimedOut
from wasmarket.serving.outbound import PORTS

SMALL = 64 * 1024
"""Answers up to so many bytes are awaited whole, so that one that breaks off never begins."""
BUFFER = 256 * 1024
"""Bytes of an answer that wait for a slow caller before the peer is made to wait."""
MAX_HEAD = 64 * 1024
MAX_HEADERS = 256
NO_BODY = frozenset({204, 304})

Header = tuple[bytes, bytes]


class PeerFailed(BrokenOff):
    """Bad gateway"""

    slug = "peer-failed"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it goes to a peer.

    `target` is path and query; `body` is sent first, then what `more` yields. `length` is that of
    both, None if it is not known. A request with `more` can be sent once.
    """

    method: str
    target: str
    headers: tuple[Header, ...]
    body: bytes
    idempotent: bool
    more: AsyncIterator[bytes] | None = None
    length: int | None = None


class PeerAnswer(Protocol):
    """A peer's answer whose head has arrived."""

    status: int
    headers: list[Header]
    length: int | None
    """Bytes of the body, None if the peer does not say."""

    async def read(self) -> bytes:
        """Return the next bytes of the body, none at its end. Raises PeerFailed, TimedOut."""

    def close(self) -> None:
        """Let go of the connection; it is kept if the answer was read to its end."""


class UpstreamEndpoint:
    """One endpoint: where it is and which connections to it are idle."""

    __slots__ = ("authority", "host", "idle", "is_tls", "open", "port", "prefix")

    def __init__(self, host: str, port: int, is_tls: bool, prefix: str) -> None:
        usual = PORTS["https" if is_tls else "http"]
        name = f"[{host}]" if ":" in host else host
        self.host = host
        self.port = port
        self.is_tls = is_tls
        self.prefix = prefix
        self.authority = (name if port == usual else f"{name}:{port}").encode("ascii")
        self.idle: deque[Connection] = deque()
        self.open = 0


class Connection(asyncio.Protocol):
    """One connection and the one answer that is under way on it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, origin: UpstreamEndpoint, answer_seconds: float
    ) -> None:
        self._loop = loop
        self._origin = origin
        self._seconds = answer_seconds
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._can_write = asyncio.Event()
        self._can_write.set()
        self.is_open = False
        self.idle_since = 0.0
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.length: int | None = None
        self._head_bytes = 0
        self._has_head = False
        self._is_complete = False
        self._is_begun = False
        self._keep = True
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._is_paused = False
        self._failure: MarketError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def send(self, origin: UpstreamEndpoint, outgoing: Outgoing) -> None:
        """Send a request and wait for the head of its answer, if it is small for all of it."""
        self._reset()
        self._is_begun = True
        head = _write_head(origin, outgoing)
        self._transport.write(head + outgoing.body if outgoing.more is None else head)
        if outgoing.more is not None:
            await self._send_more(outgoing)
        timer = self._loop.call_later(self._seconds, self._expire)
        try:
            # A long or endless answer is passed on as it comes.
            while self._failure is None and not self._is_complete:
                if self._has_head and (self.length is None or self.length > SMALL):
                    break
                await self._wait()
        finally:
            timer.cancel()
        if self._failure is not None:
            raise self._failure

    async def read(self) -> bytes:
        """Return the next bytes of the body. Raises as `Answer.read`."""
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self._is_complete:
                return b""
            timer = self._loop.call_later(self._seconds, self._expire)
            try:
                await self._wait()
            finally:
                timer.cancel()
        chunk = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return chunk

    def close(self) -> None:
        """Keep the connection for the next request if this one left it clean."""
        if self._is_complete and self._keep and self.is_open:
            self._is_begun = False
            self.idle_since = self._loop.time()
            self._origin.idle.append(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close the connection now."""
        if self.is_open:
            self._transport.abort()

    async def _send_more(self, outgoing: Outgoing) -> None:
        assert outgoing.more is not None
        is_chunked = outgoing.length is None
        await self._write_part(outgoing.body, is_chunked)
        left = None if outgoing.length is None else outgoing.length - len(outgoing.body)
        async for part in outgoing.more:
            if self._failure or self._has_head:
                # An answer that comes early is final; the rest need not be sent, nor can the
                # connection be used again.
                self._keep = False
                return
            left = None if left is None else left - len(part)
            if left is not None and left < 0:
                break
            await self._write_part(part, is_chunked)
        if is_chunked:
            self._transport.write(b"0\r\n\r\n")
        elif left:
            raise PeerFailed("the body has another length than was announced")

    async def _write_part(self, part: bytes, is_chunked: bool) -> None:
        if not part:
            return
        if not self._can_write.is_set():
            try:
                async with asyncio.timeout(self._seconds):
                    await self._can_write.wait()
            except TimeoutError as error:
                raise TimedOut(f"{self._origin.host} does not take the body in time") from error
        self._transport.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)

    async def _wait(self) -> None:
        """Wait until something happens."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(self) -> None:
        self._fail(TimedOut(f"{self._origin.host} did not answer in time"))

    def _fail(self, error: MarketError) -> None:
        if self._failure is None and not self._is_complete:
            self._failure = error
        self._keep = False
        self._wake()

    # What the transport reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an instance of asyncio's class where the loop is uvloop's.
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if not self._is_begun:
            # Nothing was asked: whatever this is, it must not become the next call's answer.
            self._keep = False
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(_broken(self._origin, f"it does not speak HTTP: {error}"))
            self._transport.abort()
            return
        if self._buffered > BUFFER and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if self._has_head:
            self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._origin.open -= 1
        self._can_write.set()
        if self in self._origin.idle:
            self._origin.idle.remove(self)
        if self._is_begun and not self._is_complete:
            if self._has_head and self.length is None and exc is None and not self._is_chunked():
                self._is_complete = True
                self._wake()
            else:
                self._fail(_broken(self._origin, str(exc) if exc else "it hung up"))

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    # What the parser reports.

    def on_message_begin(self) -> None:
        if self._is_complete:
            raise ValueError("more than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD or len(self.headers) >= MAX_HEADERS:
            raise ValueError("the head is too large")
        name = name.lower()
        self.headers.append((name, value))
        if name == b"content-length":
            self.length = int(value)

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        if self.status in NO_BODY:
            self.length = 0
        if self._is_chunked():
            self.length = None
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        if self.status < 200:
            self.headers = []
            return
        self._is_complete = True
        self._keep = self._keep and self._parser.should_keep_alive()

    def _is_chunked(self) -> bool:
        return any(name == b"transfer-encoding" for name, _ in self.headers)


def _write_head(origin: UpstreamEndpoint, outgoing: Outgoing) -> bytes:
    lines = [
        f"{outgoing.method} {origin.prefix}{outgoing.target} HTTP/1.1".encode("ascii"),
        b"host: " + origin.authority,
    ]
    lines += [name + b": " + value for name, value in outgoing.headers]
    if outgoing.more is None:
        if outgoing.body or outgoing.method not in ("GET", "HEAD"):
            lines.append(b"content-length: %d" % len(outgoing.body))
    elif outgoing.length is None:
        lines.append(b"transfer-encoding: chunked")
    else:
        lines.append(b"content-length: %d" % outgoing.length)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def _broken(origin: UpstreamEndpoint, why: str) -> PeerFailed:
    return PeerFailed(
        f"{origin.host} broke off ({why}); the function may have run",
        remedy="send an Idempotency-Key header if it may run twice, and try again",
    )
