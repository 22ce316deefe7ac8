"""Read calls straight from the connection: no ASGI messages, no second look at our own headers.

Only the plain case: POST of HTTP/1.1 to a call's own path, nothing else under way on the
connection, no `Expect`. All else takes uvicorn's way, and finds the same route there.
"""

import asyncio
import re
from typing import Any

from kernel.errors import MarketError
from peer.api.call_path import CALL_TARGET, Answered, Calls, too_large
from serving.http_protocol import HttpProtocol, build_response


class _Nobody:
    """Whom uvicorn wakes on a connection where nobody sleeps."""

    def set(self) -> None:
        """Do nothing."""


class CallCycle:
    """One call; it has what uvicorn asks of the request that is under way."""

    message_event = _Nobody()
    response_started = False

    def __init__(self, match: re.Match[bytes], scope: Any, *, keep_alive: bool) -> None:
        self.match = match
        self.scope = scope
        self.keep_alive = keep_alive
        self.body: list[bytes] = []
        self.limit = 0
        self.size = 0
        self.refused: MarketError | None = None
        self.disconnected = False
        self.response_complete = False


class CallProtocol(HttpProtocol):
    """One connection; `calls` is set by `bind_protocol`."""

    calls: Calls
    # uvicorn's own kind of request, or ours.
    cycle: Any

    def on_headers_complete(self) -> None:
        """Take the request if it is plainly a call (the parser calls this)."""
        match = self._match()
        if match is None:
            super().on_headers_complete()
            return
        self._has_head = True
        self.scope["method"] = "POST"
        self.scope["path"] = self.url.decode("ascii")
        self.scope["raw_path"] = self.url
        self.scope["query_string"] = b""
        cycle = CallCycle(match, self.scope, keep_alive=self.parser.should_keep_alive())
        self.cycle = cycle
        try:
            cycle.limit = self.calls.find_limit(int(match[1]))
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
            self._write(cycle, self.calls.refuse(cycle.refused, cycle.scope))

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
            self._write(cycle, self.calls.refuse(cycle.refused, cycle.scope))
            return
        task = self.loop.create_task(self._run(cycle))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _match(self) -> re.Match[bytes] | None:
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or self.expect_100_continue
            or (self.cycle is not None and not self.cycle.response_complete)
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
        ):
            return None
        return CALL_TARGET.fullmatch(self.url)

    async def _run(self, cycle: CallCycle) -> None:
        body = cycle.body[0] if len(cycle.body) == 1 else b"".join(cycle.body)
        answered = await self.calls.respond(cycle.match, cycle.scope, body)
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        self._write(cycle, answered)

    def _write(self, cycle: CallCycle, answered: Answered) -> None:
        cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        status, headers, body = answered
        if not cycle.keep_alive:
            headers.append((b"connection", b"close"))
        self.transport.write(build_response(status, headers, body))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


def bind_protocol(calls: Calls) -> type[asyncio.Protocol]:
    """Return the protocol of a server that answers `calls`."""
    return type("BoundCallProtocol", (CallProtocol,), {"calls": calls})
