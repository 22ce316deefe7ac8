"""Sizes and times that a client chooses: all of them end somewhere."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from tests.wasmarket.serving.raw_server import (
    GET,
    RawConnection,
    echo,
    run,
    serve_raw,
    settle,
)
from wasmarket.serving.http1.connections import ConnectionCounts, ConnectionLimits
from wasmarket.serving.http1.head import MAX_HEAD
from wasmarket.serving.http1.protocol import KEPT_SECONDS, LINGER_BYTES
from wasmarket.serving.http1.unread import (
    PROGRESS_BYTES,
    QUIET_SECONDS,
    UNREAD_SECONDS,
    UnreadAnswers,
)

pytestmark = pytest.mark.unit


async def send_until_refused(client: RawConnection, start: bytes, more: bytes) -> int:
    """Send `start`, then `more` again and again until there is an answer; return its status."""
    await client.send(start)
    answer = asyncio.ensure_future(client.read_answer())
    sent = 0
    while not answer.done() and sent < 64 * 1024 * 1024:
        try:
            await client.send(more)
        except ConnectionError:
            break
        sent += len(more)
        await asyncio.sleep(0)
    assert sent < 16 * 1024 * 1024, "the server read it all"
    return (await answer).status


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /", b"a" * 60_000),
        (b"GET /a HTTP/1.1\r\nHost: p\r\nX: ", b"x" * 60_000),
        (b"GET /a HTTP/1.1\r\nHost: p\r\n", b"X: y\r\n" * 10_000),
        (b"GET /a HTTP/1.1\r\nHost: p\r\n", b"x" * 60_000),
    ],
)
def test_head__without_an_end__is_refused_early(start: bytes, more: bytes) -> None:
    async def work() -> int:
        async with serve_raw(echo) as server:
            return await send_until_refused(await server.connect(), start, more)

    assert run(work()) == 431


def test_head__of_exactly_the_limit__is_read() -> None:
    async def work() -> int:
        async with serve_raw(echo) as server:
            client = await server.connect()
            frame = len(b"/aHost" + b"p" + b"X") + 8
            head = b"GET /a HTTP/1.1\r\nHost: p\r\nX: " + b"x" * (MAX_HEAD - frame)
            await client.send(head + b"\r\n\r\n")
            return (await client.read_answer()).status

    assert run(work()) == 200


def test_trailers__without_an_end__are_refused() -> None:
    async def work() -> int:
        async with serve_raw(echo) as server:
            head = b"POST /a HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
            return await send_until_refused(await server.connect(), head, b"X: y\r\n" * 10_000)

    assert run(work()) == 431


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def test_body__that_goes_on_behind_its_answer__ends_the_connection() -> None:
    async def work() -> int:
        async with serve_raw(refuse) as server:
            client = await server.connect()
            await client.send(b"POST /a HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert (await client.read_answer()).status == 403
            sent = 0
            with suppress(ConnectionError):
                while sent < LINGER_BYTES * 8:
                    await client.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    sent += 0x10000
            return sent

    assert run(work()) < LINGER_BYTES * 4


def test_body__refused_before_it_was_asked_for__ends_the_connection() -> None:
    async def work() -> dict[str, str]:
        async with serve_raw(refuse) as server:
            client = await server.connect()
            await client.send(
                b"POST /a HTTP/1.1\r\nHost: p\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n"
            )
            return (await client.read_answer()).headers

    # What comes next could be the body or another request.
    assert run(work())["connection"] == "close"


class Gate:
    """An app that answers with `size` bytes once it may."""

    def __init__(self, size: int, *, declares: bool = True) -> None:
        self.may_answer = asyncio.Event()
        self.size, self.declares = size, declares

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.may_answer.wait()
        headers = [(b"content-length", b"%d" % self.size)] if self.declares else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = self.size
        while left:
            part = min(left, 65_536)
            left -= part
            more = bool(left) or not self.declares
            body = {"type": "http.response.body", "body": b"x" * part, "more_body": more}
            await send(body)
        if not self.declares:
            await asyncio.Event().wait()


def test_caller__that_has_said_all__gets_its_answers() -> None:
    async def work() -> list[int]:
        gate = Gate(10)
        async with serve_raw(gate) as server:
            client = await server.connect()
            await client.send(GET + GET)
            client.writer.write_eof()
            await settle(server)
            gate.may_answer.set()
            return [answer.status for answer in await client.read_all()]

    assert run(work()) == [200, 200]


def test_caller__that_ends_in_the_middle_of_a_request__is_let_go() -> None:
    async def work() -> bytes:
        async with serve_raw(echo) as server:
            client = await server.connect()
            await client.send(b"POST /a HTTP/1.1\r\nHost: p\r\nContent-Length: 9\r\n\r\nabc")
            client.writer.write_eof()
            return await client.reader.read()

    assert run(work()) == b""


def test_caller__half_closed_behind_an_endless_answer__is_let_go_when_that_is_silent() -> None:
    async def work() -> bool:
        gate = Gate(10, declares=False)
        async with serve_raw(gate) as server:
            client = await server.connect()
            await client.send(GET)
            client.writer.write_eof()
            await settle(server)
            gate.may_answer.set()
            await client.reader.readuntil(b"x" * 10)
            server.pass_time(QUIET_SECONDS - 1)
            await settle(server)
            assert server.state.connections
            server.pass_time(QUIET_SECONDS + 1)
            await settle(server)
            return not server.state.connections

    assert run(work())


def test_answer__that_nobody_reads__is_dropped() -> None:
    async def work() -> bool:
        gate = Gate(16 * 1024 * 1024)
        async with serve_raw(gate) as server:
            client = await server.connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.send(GET)
            gate.may_answer.set()
            await settle(server)
            server.pass_time(1)
            server.pass_time(UNREAD_SECONDS - 1)
            await settle(server)
            assert server.state.connections
            server.pass_time(UNREAD_SECONDS + 2)
            await settle(server)
            return not server.state.connections

    assert run(work())


class Buffer:
    size = 0

    def get_write_buffer_size(self) -> int:
        return self.size


def test_unread_answers__are_stuck_only_without_progress() -> None:
    buffer = Buffer()
    unread = UnreadAnswers(buffer, 0.0)  # type: ignore[arg-type]

    buffer.size = 100_000
    assert not unread.is_stuck(UNREAD_SECONDS / 2)
    buffer.size -= PROGRESS_BYTES
    assert not unread.is_stuck(UNREAD_SECONDS * 1.4)
    buffer.size -= PROGRESS_BYTES - 1
    assert not unread.is_stuck(UNREAD_SECONDS * 2.3)
    assert unread.is_stuck(UNREAD_SECONDS * 2.5)
    unread.note_progress()
    assert not unread.is_stuck(UNREAD_SECONDS * 2.6)


def test_connection__kept_with_empty_lines__is_closed_all_the_same() -> None:
    async def work() -> bytes:
        async with serve_raw(echo) as server:
            client = await server.connect()
            await client.send(GET)
            await client.read_answer()
            (connection,) = server.state.connections
            connection._heard_at -= KEPT_SECONDS  # type: ignore[union-attr]
            await client.send(b"\r\n\r\n")
            await settle(server)
            server.pass_time(1)
            return await client.reader.read()

    assert run(work()) == b""


def test_silence__in_a_body_that_we_do_not_read__is_not_the_callers() -> None:
    async def work() -> int:
        gate = Gate(10)
        async with serve_raw(gate) as server:
            client = await server.connect()
            body = b"x" * 4_000_000
            head = b"POST /a HTTP/1.1\r\nHost: p\r\nContent-Length: %d\r\n\r\n" % len(body)
            sending = asyncio.ensure_future(client.send(head + body))
            await settle(server)
            server.pass_time(100)
            gate.may_answer.set()
            status = (await client.read_answer()).status
            await sending
            return status

    assert run(work()) == 200


@pytest.mark.parametrize(
    ("addresses", "admitted"),
    [
        (["10.0.0.1"] * 3, [True, True, False]),
        (["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"], [True, True, False]),
        (["2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"], [True, True, True]),
        (["::ffff:10.0.0.1", "10.0.0.1", "::ffff:a00:1"], [True, True, False]),
        (["10.0.0.9"] * 4, [True] * 4),
        (["::ffff:10.0.0.9"] * 4, [True] * 4),
    ],
)
def test_enter__many_of_one_group__are_refused_unless_trusted(
    addresses: list[str], admitted: list[bool]
) -> None:
    trusted = frozenset({"10.0.0.9"})
    counts = ConnectionCounts(ConnectionLimits(per_address=2, total=4, trusted=trusted))

    assert [counts.enter(address) is not None for address in addresses] == admitted


def test_enter__as_many_as_there_may_be__refuses_everybody_else_until_one_leaves() -> None:
    counts = ConnectionCounts(ConnectionLimits(per_address=2, total=2))
    group = counts.enter("10.0.0.1")
    assert group is not None
    assert counts.enter("10.0.0.2") is not None
    assert counts.enter("10.0.0.3") is None

    counts.leave(group)

    assert counts.enter("10.0.0.3") is not None
