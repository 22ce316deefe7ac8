"""HTTP/1.1 as uvicorn speaks it, read strictly and without endless patience or memory.

What is no HTTP, or could be read in two ways, is answered with a problem document and ends the
connection. So does a client that is too slow: to send a request, or to take an answer. Requests to
change the protocol are answered as if they had not asked for it (RFC 9110, 7.8).
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from wasmarket.serving.http1.connections import ConnectionCounts
from wasmarket.serving.http1.head import (
    MAX_HEAD,
    MAX_HEADERS,
    HeadRefused,
    check_head,
    explain_unreadable,
    head_too_large,
    too_many_headers,
    without_upgrade,
)
from wasmarket.serving.http1.unread import UnreadAnswers

SILENT_SECONDS: Final = 15.0
"""How long nothing may come in the middle of a request."""
HEAD_SECONDS: Final = 15.0
REQUEST_SECONDS: Final = 300.0
KEPT_SECONDS: Final = 60.0
"""How long a connection is kept between requests, or for a half-closed one without an answer."""
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 8 * 1024 * 1024
"""How much of what a refused client still sends is read, so that it gets to read the refusal."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. `counts` bounds the connections of a server, if it is set."""

    counts: ConnectionCounts | None = None
    # uvicorn's own kind of request, or one of a class made from this.
    cycle: Any

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request (asyncio calls this)."""
        self._heard_at = self._began_at = self.loop.time()
        self._is_coming = self._has_begun = self._has_head = self._has_ended = False
        self._asks_upgrade = False
        # Whether no further request is read, and whether the client will send none.
        self._is_last = self._is_half_closed = False
        self._lingers_since: float | None = None
        self._head_bytes = self._dropped = 0
        # The request that is being answered, and that which is being read, if it has begun.
        self._running: Any = None
        self._own: Any = None
        self._last_words = b""
        self._group: str | None = None
        self._unread = UnreadAnswers(transport, self._heard_at)
        super().connection_made(transport)
        if self.counts is not None and self.client is not None:
            self._group = self.counts.enter(self.client[0])
            if self._group is None:
                detail = "there are too many connections, of your address or in all"
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, detail)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever answers here that nobody listens any more (asyncio calls this)."""
        if self._group is not None and self.counts is not None:
            self.counts.leave(self._group)
            self._group = None
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for the answers to come, for which a client may wait that has said
        all it had to say (asyncio calls this).
        """
        running = self._running
        if self._lingers_since is not None or running is None or running.response_complete:
            return False
        if self._is_coming and self._own is not None:
            return False
        # NOTE: once an answer has begun, this is the only sign that its reader has gone.
        if running.response_started:
            return False
        self._is_half_closed = self._is_last = True
        return True

    def resume_writing(self) -> None:
        """Note that the client reads (asyncio calls this)."""
        self._unread.note_progress()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read on (asyncio calls this)."""
        if self._is_last:
            self._drop(data)
            return
        was_coming, self._has_begun, self._has_ended = self._is_coming, False, False
        heard_at, self._heard_at = self._heard_at, self.loop.time()
        self._feed(data)
        if self._has_begun:
            return
        if not was_coming:
            # Empty lines in front of a request are allowed, but they are no sign of life.
            self._heard_at = heard_at
        elif self._is_coming and not self._has_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._refuse_head(head_too_large())

    def on_message_begin(self) -> None:
        """Note that a request has begun (the parser calls this)."""
        self._note_begin()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header (the parser calls this)."""
        if self._has_head:
            # NOTE: a trailer. What comes behind the body never is a header.
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > MAX_HEAD:
                raise head_too_large()
            return
        if len(self.headers) >= MAX_HEADERS:
            raise too_many_headers()
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Begin to answer a request whose head is here (the parser calls this)."""
        parser, headers = self.parser, self.headers
        version = parser.get_http_version()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > MAX_HEAD:
            raise head_too_large()
        method = parser.get_method()
        self.url = check_head(method, self.url, version, headers)
        self._has_head, self._head_bytes = True, 0
        if parser.should_upgrade():
            self._asks_upgrade = True
            return
        self._keeps = version != "1.0" and parser.should_keep_alive()
        self._begin(method, version)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body (the parser calls this)."""
        if self._own is not None and self._own.response_complete:
            self._dropped += len(body)
            if self._dropped > LINGER_BYTES:
                raise HeadRefused(HTTPStatus.BAD_REQUEST, "the rest of the body is not read")
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is here (the parser calls this)."""
        if self._asks_upgrade:
            return
        self._note_end()
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
        elif self._last_words:
            self._end(self._last_words)
        elif self._is_half_closed:
            self.transport.close()

    def end_if_stuck(self, now: float) -> None:
        """Close the connection if its client is too slow; `now` is the loop's time."""
        if self._unread.is_stuck(now):
            self.transport.abort()
            return
        if self._lingers_since is not None:
            if now - self._lingers_since > LINGER_SECONDS:
                self.transport.close()
            return
        running = self._running
        silent = now - self._heard_at
        if self._is_coming:
            if self.flow.read_paused:
                # It is us who do not read.
                self._heard_at = now
                return
            taken = now - self._began_at
            is_late = taken > REQUEST_SECONDS or (not self._has_head and taken > HEAD_SECONDS)
            if silent > SILENT_SECONDS or is_late:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time")
        elif running is None or running.response_complete:
            if silent > KEPT_SECONDS:
                self.transport.close()
        elif self._is_half_closed and running.response_started and self._unread.idle(now):
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and end the connection."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    @property
    def date_lines(self) -> bytes:
        """The headers that every answer has, as lines."""
        return b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)

    def _note_begin(self) -> None:
        if self._is_last:
            raise HeadRefused(HTTPStatus.BAD_REQUEST, "a request came after the last one")
        self._is_coming = self._has_begun = True
        self._has_head, self._own = False, None
        self._head_bytes = self._dropped = 0
        self._began_at = self._heard_at

    def _note_end(self) -> None:
        self._is_coming, self._has_ended = False, True
        self._is_last = self._is_last or not self._keeps

    def _feed(self, data: bytes) -> None:
        """Have the parser read on."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._read_again(data[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                if not self._is_last:
                    cause = error.__context__
                    if not isinstance(cause, HeadRefused):
                        # What it is about begins the data, unless something else came before.
                        line = data if self._own is None and not self._has_ended else b""
                        cause = explain_unreadable(line, str(error))
                    self._refuse_head(cause)
                return
            else:
                return

    def _read_again(self, rest: bytes) -> bytes:
        """Return a request that asks for another protocol as one that does not.

        The parser has left its body unread, and would take it for the next request.
        """
        self._asks_upgrade = self._is_coming = False
        parser, headers = self.parser, without_upgrade(self.headers)
        self.parser = httptools.HttpRequestParser(self)
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        version = parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n%b" % (
            *(parser.get_method(), self.url, version),
            *(lines, rest),
        )

    def _begin(self, method: bytes, version: str) -> None:
        """Have the app answer a request, after those that came before it."""
        scope: Any = self.scope
        path, mark, query = self.url.partition(b"?")
        scope["method"] = method.decode("ascii")
        scope["http_version"] = version
        scope["path"] = self.root_path + unquote(path.decode("ascii"))
        scope["raw_path"] = self.root_path.encode("ascii") + path
        scope["query_string"] = query if mark else b""
        expects = any(name == b"expect" for name, _ in self.headers) and version != "1.0"
        cycle = _Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=expects,
            keep_alive=self._keeps,
            on_response=self.on_response_complete,
        )
        self.cycle = self._own = cycle
        if self._is_busy:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
        else:
            self._start_asgi_task(cycle, self.app)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _is_busy(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _should_upgrade_to_ws(self) -> bool:
        return False

    def _refuse_head(self, refusal: HeadRefused) -> None:
        self._refuse(refusal.status, refusal.detail, refusal.slug)

    def _refuse(self, status: HTTPStatus, detail: str, slug: str = "") -> None:
        """Send a problem document in place of the answer that is due next, and end it all."""
        self._is_last, self._is_coming = True, False
        self.flow.resume_reading()
        words = self._write_refusal(status, detail, slug)
        own = self._own
        if own is not None:
            if own.response_started or own.response_complete:
                # It has its answer, whole or in part: another would be taken for the next one.
                words = b""
            own.disconnected = True
            own.message_event.set()
            self.pipeline = type(self.pipeline)(
                (cycle, app) for cycle, app in self.pipeline if cycle is not own
            )
        if self._is_busy and self._running is not own:
            self._last_words = words
        elif own is not None and own.response_started and not own.response_complete:
            self.transport.abort()
        else:
            self._end(words)

    def _end(self, words: bytes) -> None:
        """Say the last words, and close once the client has had time to read them."""
        self._last_words = b""
        if self.transport.is_closing():
            return
        if words:
            self.transport.write(words)
        self._lingers_since, self._dropped = self.loop.time(), 0
        if self.transport.can_write_eof() and not self._is_half_closed:
            self.transport.write_eof()
        else:
            self.transport.close()

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > LINGER_BYTES:
            self.transport.abort()

    def _write_refusal(self, status: HTTPStatus, detail: str, slug: str) -> bytes:
        title = STATUS_LINE[status].split(b" ", 2)[2].strip().decode()
        problem = {
            "type": f"urn:wasmarket:{slug or title.lower().replace(' ', '-')}",
            "title": title,
            "status": int(status),
            "detail": detail,
        }
        body = msgspec.json.encode(problem)
        return b"%b%bcontent-type: application/problem+json\r\nconnection: close\r\n" % (
            STATUS_LINE[status],
            self.date_lines,
        ) + b"content-length: %d\r\n\r\n%b" % (len(body), body)


class _Cycle(RequestResponseCycle):
    """A request that is answered by the app."""

    async def send(self, message: Any) -> None:
        """Send a part of the answer (the app calls this)."""
        if self.waiting_for_100_continue and not self.response_started:
            # The client still waits to be asked for its body: what it sends next may be that, or
            # another request.
            self.keep_alive = False
        await super().send(message)
