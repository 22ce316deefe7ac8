"""HTTP/1.1 as uvicorn speaks it, with problem documents and without endless patience.

What is no HTTP is answered with a problem document. A connection on which nothing comes, or on
which a request takes for ever to come, is closed; one whose answer is under way is left alone.
"""

import asyncio
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

SILENT_SECONDS: Final = 15.0
"""How long nothing may come in the middle of a request."""
HEAD_SECONDS: Final = 15.0
REQUEST_SECONDS: Final = 300.0
KEPT_SECONDS: Final = 60.0
"""How long a connection is kept between requests."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request (asyncio calls this)."""
        self._heard_at = self._began_at = self.loop.time()
        self._is_coming = False
        self._has_head = False
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read on (asyncio calls this)."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that a request has begun (the parser calls this)."""
        self._is_coming, self._has_head = True, False
        self._began_at = self._heard_at
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that a request's head is here (the parser calls this)."""
        self._has_head = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that a request is here (the parser calls this)."""
        self._is_coming = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for one.

        As uvicorn does, but kept connections are looked after by `end_if_stuck`: a timer for each
        answer costs more.
        """
        self._heard_at = self.loop.time()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def end_if_stuck(self, now: float) -> None:
        """Close the connection if its client is too slow; `now` is the loop's time."""
        silent = now - self._heard_at
        if self._is_coming:
            taken = now - self._began_at
            is_late = taken > REQUEST_SECONDS or (not self._has_head and taken > HEAD_SECONDS)
            if silent > SILENT_SECONDS or is_late:
                self._refuse(408, "request-timeout", "the request did not come in time")
        elif (self.cycle is None or self.cycle.response_complete) and silent > KEPT_SECONDS:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and end the connection."""
        self._refuse(400, "bad-request", msg)

    def _refuse(self, status: int, slug: str, detail: str) -> None:
        """Send a problem document, unless an answer is under way, and close."""
        if self.cycle is None or self.cycle.response_complete or self._is_first_of_answer():
            problem = {
                "type": f"urn:wasmarket:{slug}",
                "title": STATUS_LINE[status].split(b" ", 2)[2].strip().decode(),
                "status": status,
                "detail": detail,
            }
            headers = [
                (b"content-type", b"application/problem+json"),
                (b"connection", b"close"),
            ]
            self.transport.write(build_response(status, headers, msgspec.json.encode(problem)))
        self.transport.close()

    def _is_first_of_answer(self) -> bool:
        return self._is_coming and not getattr(self.cycle, "response_started", True)


def build_response(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return the bytes of a whole response; its length is added to the headers."""
    parts: list[Any] = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts += (b"content-length: %d\r\n\r\n" % len(body), body)
    return b"".join(parts)
