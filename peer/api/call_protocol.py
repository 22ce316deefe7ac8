"""Read calls straight from the connection: no ASGI messages, no second look at our own headers.

Only the plain case: POST of HTTP/1.1 to a call's own path, nothing else under way on the
connection, no `Expect`. All else takes uvicorn's way, and finds the same route there.
"""

import asyncio
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from peer.api.call_head import CallHead, Target, read_target
from peer.api.call_path import Answered, Calls, too_large
from wasmarket.kernel.errors import MarketError
from wasmarket.serving.http_protocol import HttpProtocol

OK_LINE = STATUS_LINE[200]


class _Nobody:
    """Whom uvicorn wakes on a connection where nobody sleeps."""

    def set(self) -> None:
        """Do nothing."""


class CallCycle:
    """One call; it has what uvicorn asks of the request that is under way."""

    message_event = _Nobody()
    response_started = False

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


class CallProtocol(HttpProtocol):
    """One connection; `calls` is set by `bind_protocol`."""

    calls: Calls
    # uvicorn's own kind of request, or ours.
    cycle: Any
    # A head that came before on this connection, and what it says.
    _known = b""
    _known_head: CallHead | None = None
    _known_body = 0
    # What is being read now, if a message began with it.
    _chunk = b""

    def data_received(self, data: bytes) -> None:
        """Read on (asyncio calls this).

        A caller sends many requests with the same head: what the parser said of it then, it would
        say again. So a whole request with that head is not parsed anew.
        """
        head = self._known_head
        if (
            head is not None
            and not self._is_coming
            and len(data) == self._known_body
            and self.cycle.response_complete
            and data.startswith(self._known)
        ):
            self._heard_at = self._began_at = self.loop.time()
            cycle = self.cycle = CallCycle(self, head, keep_alive=True)
            self.calls.begin(head, data[len(self._known) :], cycle.respond)
            return
        self._chunk = b"" if self._is_coming else data
        super().data_received(data)
        self._chunk = b""

    def on_message_begin(self) -> None:
        """Note that a request has begun (the parser calls this)."""
        self._is_coming, self._has_head = True, False
        self._began_at = self._heard_at
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Take the request if it is plainly a call (the parser calls this)."""
        target = self._find_target()
        if target is None:
            self._begin_other()
            return
        self._has_head = True
        url, headers = self.url, self.headers
        head = CallHead(target, headers, lambda: self._describe(url, headers))
        cycle = CallCycle(self, head, keep_alive=self.parser.should_keep_alive())
        self.cycle = cycle
        try:
            cycle.limit = self.calls.find_limit(head.deal)
        except MarketError as error:
            cycle.refused = error

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body (the parser calls this)."""
        cycle = self.cycle
        if type(cycle) is not CallCycle:
            super().on_body(body)
            return
        cycle.size += len(body)
        if cycle.size <= cycle.limit:
            cycle.body.append(body)
        elif cycle.refused is None:
            # NOTE: what still comes is dropped; closing now could cost the caller this answer.
            cycle.refused = too_large(cycle.limit)
            cycle.body.clear()
            self._refuse_call(cycle, cycle.refused)

    def on_message_complete(self) -> None:
        """Run the call (the parser calls this)."""
        cycle = self.cycle
        if type(cycle) is not CallCycle:
            super().on_message_complete()
            return
        self._is_coming = False
        if cycle.response_complete:
            return
        if cycle.refused is not None:
            self._refuse_call(cycle, cycle.refused)
            return
        if cycle.keep_alive:
            self._remember(cycle)
        body = cycle.body[0] if len(cycle.body) == 1 else b"".join(cycle.body)
        self.calls.begin(cycle.head, body, cycle.respond)

    def respond(self, cycle: CallCycle, answered: Answered) -> None:
        """Send the response to a call; behind what the caller has not read yet, if that is much."""
        if self.flow.write_paused and not cycle.disconnected:
            task = self.loop.create_task(self._write_later(cycle, answered))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self._write(cycle, answered)

    def _begin_other(self) -> None:
        """Let uvicorn have a request that is no plain call, with all that it notes of one."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        began_at = self._began_at
        super().on_message_begin()
        self._began_at = began_at
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _describe(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> Scope:
        """Return a call as ASGI has it."""
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": url.decode("ascii"),
            "raw_path": url,
            "query_string": b"",
            "headers": headers,
            "state": self.app_state.copy(),
        }

    def _find_target(self) -> Target | None:
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or self.expect_100_continue
            or (self.cycle is not None and not self.cycle.response_complete)
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
        ):
            return None
        return read_target(self.url)

    def _remember(self, cycle: CallCycle) -> None:
        """Keep the head of a request that came alone and in one piece."""
        chunk = self._chunk
        end = chunk.find(b"\r\n\r\n") + 4
        # NOTE: the parser's head ends there too if what is behind it is the body, byte for byte;
        # a chunked body, or a second request, would be longer than what the parser made of it.
        if end >= 4 and len(chunk) - end == cycle.size:
            self._known, self._known_head, self._known_body = chunk[:end], cycle.head, len(chunk)

    def _refuse_call(self, cycle: CallCycle, error: MarketError) -> None:
        self._write(cycle, self.calls.refuse(error, cycle.head))

    async def _write_later(self, cycle: CallCycle, answered: Answered) -> None:
        await self.flow.drain()
        self._write(cycle, answered)

    def _write(self, cycle: CallCycle, answered: Answered) -> None:
        cycle.response_complete = True
        transport = self.transport
        if cycle.disconnected or transport.is_closing():
            return
        status, lines, body = answered
        first = OK_LINE if status == 200 else STATUS_LINE[status]
        if cycle.keep_alive:
            transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (first, lines, len(body), body))
            self.on_response_complete()
            return
        lines += b"connection: close\r\n"
        transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (first, lines, len(body), body))
        transport.close()
        self.on_response_complete()


def bind_protocol(calls: Calls) -> type[asyncio.Protocol]:
    """Return the protocol of a server that answers `calls`."""
    return type("BoundCallProtocol", (CallProtocol,), {"calls": calls})
