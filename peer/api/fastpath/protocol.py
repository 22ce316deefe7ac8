"""Read calls straight from the connection: no ASGI messages, no second look at our own headers.

Only the plain case: POST of HTTP/1.1 to a call's own path, nothing else under way on the
connection, no `Expect`, no upgrade. All else takes uvicorn's way, and finds the same route there.
"""

from typing import Any, Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from peer.api.fastpath.handler import Answered, CallHandler, too_large
from peer.api.fastpath.head import CallHead, Target, make_id, read_target
from peer.api.fastpath.known_head import HEAD_END, KnownHead
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.http1.head import Headers
from wasmarket.serving.http1.protocol import HttpProtocol


class _NoEvent:
    """No-op stand-in for uvicorn's message event: nobody waits for the parts of a call."""

    def set(self) -> None:
        """Do nothing."""


class CallCycle:
    """One call; it has what uvicorn asks of the request that is under way."""

    message_event: Final = _NoEvent()
    response_started: Final = False

    __slots__ = (
        "_protocol",
        "body",
        "disconnected",
        "head",
        "keep_alive",
        "limit",
        "refused",
        "response_complete",
        "size",
    )

    def __init__(self, protocol: "CallProtocol", head: CallHead, *, keep_alive: bool) -> None:
        self._protocol = protocol
        self.head = head
        self.keep_alive = keep_alive
        self.body: list[bytes] = []
        self.limit = 0
        self.size = 0
        self.refused: MarketError | None = None
        self.disconnected = False
        self.response_complete = False

    def respond(self, answered: Answered) -> None:
        """Send the response; behind what the caller has not read yet, if that is much."""
        self._protocol.respond(self, answered)


class _StatusLines:
    """Status lines with the headers that every answer has, made once a second."""

    def __init__(self) -> None:
        self._of: object = None
        self._lines: dict[int, bytes] = {}

    def get(self, protocol: "CallProtocol", status: int) -> bytes:
        """Return the first lines of an answer."""
        headers = protocol.server_state.default_headers
        if headers is not self._of:
            self._of = headers
            self._lines.clear()
        line = self._lines.get(status)
        if line is None:
            line = self._lines[status] = STATUS_LINE[status] + protocol.date_lines
        return line


class CallProtocol(HttpProtocol):
    """One connection; `calls` is set by `bind_protocol`."""

    calls: CallHandler
    _starts: Final = _StatusLines()
    # A head that came before on this connection.
    _known: KnownHead | None = None
    # What is being read now, if a message began with it.
    _chunk = b""

    def data_received(self, data: bytes) -> None:
        """Read on (asyncio calls this)."""
        known = self._known
        if (
            known is not None
            and not self._is_coming
            and not self._is_last
            and self._running.response_complete
        ):
            if len(data) == known.size and data.startswith(known.raw):
                self._begin_known(known.head, known.head.request_id, data[len(known.raw) :])
                return
            found = known.read(data)
            if found is not None:
                self._begin_known(known.head, *found)
                return
        self._chunk = b"" if self._is_coming else data
        super().data_received(data)
        self._chunk = b""

    def on_message_begin(self) -> None:
        """Note that a request has begun (the parser calls this)."""
        self._note_begin()
        self.url = b""
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body (the parser calls this)."""
        cycle = self._own
        if type(cycle) is not CallCycle or cycle.response_complete:
            super().on_body(body)
            return
        cycle.size += len(body)
        if cycle.size <= cycle.limit:
            cycle.body.append(body)
        elif cycle.refused is None:
            # NOTE: some of what still comes is read; closing now could cost the caller this answer.
            cycle.refused = too_large(cycle.limit)
            cycle.body.clear()
            self._refuse_call(cycle, cycle.refused)

    def on_message_complete(self) -> None:
        """Run the call (the parser calls this)."""
        cycle = self._own
        if type(cycle) is not CallCycle:
            super().on_message_complete()
            return
        self._note_end()
        if cycle.response_complete:
            return
        if cycle.refused is not None:
            self._refuse_call(cycle, cycle.refused)
            return
        if cycle.keep_alive:
            self._remember(cycle)
        head = cycle.head
        body = cycle.body[0] if len(cycle.body) == 1 else b"".join(cycle.body)
        self.calls.begin(head, head.request_id or make_id(), body, cycle.respond)

    def respond(self, cycle: CallCycle, answered: Answered) -> None:
        """Send the response to a call; behind what the caller has not read yet, if that is much."""
        answered = self.calls.count(answered)
        if self.flow.write_paused and not cycle.disconnected:
            task = self.loop.create_task(self._write_later(cycle, answered))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self._write(cycle, answered)

    def _begin_known(self, head: CallHead, request_id: bytes | None, body: bytes) -> None:
        """Run a call whose head is known."""
        self._heard_at = self._began_at = self.loop.time()
        cycle = CallCycle(self, head, keep_alive=True)
        self.cycle = self._own = self._running = cycle
        self.calls.begin(head, request_id or make_id(), body, cycle.respond)

    def _begin(self, method: bytes, version: str) -> None:
        """Take the request if it is plainly a call, else have the app answer it."""
        target = self._find_target(method, version)
        if target is None:
            self._begin_other(method, version)
            return
        headers, url = self.headers, self.url
        try:
            head = CallHead(target, headers, lambda: self._describe_call(url, headers))
        except MarketError:
            # The framework finds the same, and says it.
            self._begin_other(method, version)
            return
        cycle = CallCycle(self, head, keep_alive=self._keeps)
        self.cycle = self._own = self._running = cycle
        try:
            cycle.limit = self.calls.find_limit(head.deal)
        except MarketError as error:
            cycle.refused = error

    def _begin_other(self, method: bytes, version: str) -> None:
        """Let uvicorn have a request that is no plain call, with all that it notes of one."""
        scope: Any = self._describe(self.headers)
        self.scope = scope
        super()._begin(method, version)

    def _describe(self, headers: Headers) -> dict[str, Any]:
        """Return what all requests of this connection have in ASGI."""
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": headers,
            "state": self.app_state.copy(),
        }

    def _describe_call(self, url: bytes, headers: Headers) -> Scope:
        """Return a call as ASGI has it."""
        line = {"method": "POST", "path": url.decode("ascii"), "raw_path": url, "query_string": b""}
        return self._describe(headers) | line

    def _find_target(self, method: bytes, version: str) -> Target | None:
        if method != b"POST" or version != "1.1" or self._is_busy:
            return None
        if any(name == b"expect" for name, _ in self.headers):
            return None
        return read_target(self.url)

    def _remember(self, cycle: CallCycle) -> None:
        """Keep the head of a request that came alone and in one piece."""
        chunk = self._chunk
        end = chunk.find(HEAD_END) + len(HEAD_END)
        # NOTE: the parser's head ends there too if what is behind it is the body, byte for byte;
        # a chunked body, or a second request, would be longer than what the parser made of it.
        if end >= len(HEAD_END) and len(chunk) - end == cycle.size and _is_plain(cycle.head, chunk):
            self._known = KnownHead(cycle.head, chunk[:end], cycle.size)

    def _refuse_call(self, cycle: CallCycle, error: MarketError) -> None:
        request_id = cycle.head.request_id or make_id()
        self._write(cycle, self.calls.count(self.calls.render(error, request_id)))

    async def _write_later(self, cycle: CallCycle, answered: Answered) -> None:
        await self.flow.drain()
        self._write(cycle, answered)

    def _write(self, cycle: CallCycle, answered: Answered) -> None:
        cycle.response_complete = True
        transport = self.transport
        if cycle.disconnected or transport.is_closing():
            return
        status, lines, body = answered
        start = self._starts.get(self, status)
        if cycle.keep_alive:
            transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (start, lines, len(body), body))
            self.on_response_complete()
            return
        lines += b"connection: close\r\n"
        transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (start, lines, len(body), body))
        transport.close()
        self.on_response_complete()


def _is_plain(head: CallHead, chunk: bytes) -> bool:
    """Say whether a request began with its own request line, as it was read."""
    return chunk.startswith(b"POST /v1/deals/%d/" % head.deal)


def bind_protocol(calls: CallHandler) -> type[CallProtocol]:
    """Return the protocol of a server that answers `calls`."""
    return type("BoundCallProtocol", (CallProtocol,), {"calls": calls})
