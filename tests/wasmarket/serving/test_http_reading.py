"""One reading of a request: what could be understood in two ways is refused."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasmarket.serving.raw_server import RawAnswer, echo, serve_raw
from wasmarket.serving.http1.head import MAX_HEAD, MAX_HEADERS

pytestmark = pytest.mark.unit

SECOND = b"GET /second HTTP/1.1\r\nHost: p\r\n\r\n"


def exchange(data: bytes) -> list[RawAnswer]:
    async def run() -> list[RawAnswer]:
        async with serve_raw(echo) as server:
            return await server.exchange(data)

    return asyncio.run(run())


def seen(answers: list[RawAnswer]) -> list[tuple[str, str]]:
    """Return path and body of each request that the app saw."""
    requests = [json.loads(answer.body) for answer in answers if answer.status == 200]
    return [(request["path"], request["body"]) for request in requests]


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.2, h2c"])
@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"Content-Length: %d\r\n\r\n%b" % (len(SECOND), SECOND), SECOND.decode()),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        (b"\r\n", ""),
    ],
)
def test_request__asks_for_another_protocol__is_answered_with_its_body_read(
    upgrade: bytes, sent: bytes, body: str
) -> None:
    head = b"POST /first HTTP/1.1\r\nHost: p\r\nConnection: Upgrade, HTTP2-Settings\r\n"

    answers = exchange(head + b"Upgrade: %b\r\nHTTP2-Settings: AAM\r\n" % upgrade + sent + SECOND)

    assert seen(answers) == [("/first", body), ("/second", "")]
    assert "upgrade" not in dict(json.loads(answers[0].body)["headers"])


def test_request__asks_for_another_protocol_in_single_bytes__is_read_once() -> None:
    async def run() -> list[RawAnswer]:
        async with serve_raw(echo) as server:
            client = await server.connect()
            message = (
                b"POST /a HTTP/1.1\r\nHost: p\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
                b"Content-Length: 3\r\n\r\nabc" + SECOND
            )
            for byte in message:
                await client.send(bytes([byte]))
            return [await client.read_answer(), await client.read_answer()]

    assert seen(asyncio.run(run())) == [("/a", "abc"), ("/second", "")]


@pytest.mark.parametrize("trailer", [b"Authorization: evil", b"X-Request-Id: 1", b"Host: q"])
def test_trailers__behind_a_chunked_body__are_no_headers(trailer: bytes) -> None:
    message = (
        b"POST /first HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n" + trailer + b"\r\n\r\n"
    )

    answers = exchange(message + SECOND)

    assert seen(answers) == [("/first", "ok"), ("/second", "")]
    given = [name for answer in answers for name, _ in json.loads(answer.body)["headers"]]
    assert given == ["host", "transfer-encoding", "host"]


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: p\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"Host: p\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"Host: p\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"Host: p\r\nContent-Length: +3\r\n\r\nabc",
        b"Host: p\r\nContent-Length: 0x3\r\n\r\nabc",
        b"Host: p\r\nContent-Length:\r\n\r\nabc",
        b"Host: p\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        b"Host: p\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        b"Host: p\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        b"Host: p\r\nX: a\r\n b\r\n\r\n",
        b" Host: p\r\n\r\n",
        b"Host: p\nX: a\r\n\r\n",
        b"Host: p\rX: a\r\n\r\n",
        b"Host: p\r\nX: a\0b\r\n\r\n",
        b"Host: p\r\nX a\r\n\r\n",
        b"Host: p\r\n: a\r\n\r\n",
        b"\r\n",
        b"Host: p\r\nHost: p\r\n\r\n",
        b"Host: p\r\nHost: q\r\n\r\n",
        b"Host: p/evil\r\n\r\n",
        b"Host: p q\r\n\r\n",
        b"Host: p, q\r\n\r\n",
        b"Host: user@p\r\n\r\n",
        b"Host: p\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
        b"Host: p\r\nContent-Type: a/b\r\ncontent-type: c/d\r\n\r\n",
        b"Host: p\r\nX-Request-Id: a\r\nX-Request-Id: a\r\n\r\n",
        b"Host: p\r\nWasmarket-Peer: 1\r\nWasmarket-Peer: 2\r\n\r\n",
    ],
)
def test_head__with_two_readings__is_refused_and_ends_the_connection(lines: bytes) -> None:
    answers = exchange(b"POST /first HTTP/1.1\r\n" + lines + SECOND)

    assert [answer.status for answer in answers] in ([400], [501])
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].headers["connection"] == "close"
    assert json.loads(answers[0].body)["detail"]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /a HTTP/2.0", 505),
        (b"GET /a HTTP/3.1", 505),
        (b"GET /a HTTP/1.2", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"BREW /a HTTP/1.1", 501),
        (b"get /a HTTP/1.1", 501),
        (b"CONNECT a:80 HTTP/1.1", 501),
        (b"GET /a#b HTTP/1.1", 400),
        (b"GET a HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"GET ftp://a/b HTTP/1.1", 400),
        (b"GET http:///b HTTP/1.1", 400),
        (b"GET http://u@h/b HTTP/1.1", 400),
        (b"GET /a\xe9 HTTP/1.1", 400),
        (b"GET /a", 505),
        (b"GET\t/a\tHTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00", 400),
    ],
)
def test_request_line__not_for_us__is_refused_by_its_own_status(line: bytes, status: int) -> None:
    answers = exchange(line + b"\r\nHost: p\r\n\r\n" + SECOND)

    assert [answer.status for answer in answers] == [status]


def test_target__names_a_host__is_that_hosts() -> None:
    answers = exchange(b"GET http://other:81/a?b HTTP/1.1\r\nHost: p\r\n\r\n")

    request = json.loads(answers[0].body)
    assert (request["path"], request["query"]) == ("/a", "b")
    assert request["headers"] == [["host", "other:81"]]


@pytest.mark.parametrize("target", ["//evil/path", "/a//b", "/%2e%2e/x", "/a;b=c", "/a?b?c", "/?"])
def test_target__odd_path__stays_as_it_is(target: str) -> None:
    answers = exchange(f"GET {target} HTTP/1.1\r\nHost: p\r\n\r\n".encode())

    request = json.loads(answers[0].body)
    assert request["path"] == target.partition("?")[0]
    assert request["query"] == target.partition("?")[2]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Host: p\r\nExpect: tea\r\nContent-Length: 0\r\n\r\n", 417),
        (b"Host: p\r\n" + b"A: b\r\n" * MAX_HEADERS + b"\r\n", 431),
        (b"Host: p\r\nX: " + b"x" * MAX_HEAD + b"\r\n\r\n", 431),
    ],
)
def test_head__expects_or_holds_too_much__is_refused(lines: bytes, status: int) -> None:
    answers = exchange(b"POST /a HTTP/1.1\r\n" + lines + SECOND)

    assert [answer.status for answer in answers] == [status]


def test_refusal__behind_a_request_under_way__comes_after_its_answer() -> None:
    answers = exchange(SECOND + b"NONSENSE\r\n\r\n" + SECOND)

    assert [answer.status for answer in answers] == [200, 400]


def test_requests__behind_the_last_one__are_not_answered() -> None:
    last = b"GET /last HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n"

    assert [path for path, _ in seen(exchange(SECOND + last + SECOND))] == ["/second", "/last"]


NAMES = [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect"]
VALUES = [b"p", b"3", b"4", b"chunked", b"close", b"upgrade", b"h2c", b"100-continue", b"a\tb", b""]
HEADER = st.tuples(
    st.sampled_from(NAMES), st.sampled_from([b": ", b":", b" : "]), st.sampled_from(VALUES)
)
BODIES = st.sampled_from(
    [b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n\r\n"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(HEADER, max_size=6), BODIES, st.booleans())
def test_bytes__of_any_head__are_never_two_requests(
    headers: list[tuple[bytes, bytes, bytes]], body: bytes, has_host: bool
) -> None:
    lines = b"".join(b"".join(header) + b"\r\n" for header in headers)
    host = b"Host: p\r\n" if has_host else b""

    answers = exchange(b"POST /first HTTP/1.1\r\n" + host + lines + b"\r\n" + body)

    assert len(seen(answers)) <= 1
    # Bytes that nobody announced are refused, not taken for a request.
    assert [answer.status for answer in answers if answer.status == 200] in ([], [200])
