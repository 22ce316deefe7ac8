"""One call handler: whichever way a request comes to it, it is read and answered the same."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.access import Access
from peer.api.fastpath.head import CallHead
from peer.api.fastpath.known_head import KnownHead
from tests.peer.call_adapters import ADAPTERS, DEAL, LIMIT, EchoHost, serve_calls
from tests.wasmarket.serving.raw_server import RawAnswer
from wasmarket.kernel.hashing import sha256

pytestmark = pytest.mark.unit
adapters = pytest.mark.parametrize("adapter", ADAPTERS)

LINE = b"POST /v1/deals/%d/s/f HTTP/1.1\r\nHost: p\r\n" % DEAL
KEYS = Access(1, "keys", (), (sha256(b"real").hex(),))


def call(body: bytes = b"[1]", *lines: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return LINE + b"".join(line + b"\r\n" for line in (*lines, length)) + b"\r\n" + body


def exchange(adapter: str, data: bytes, host: EchoHost | None = None) -> list[RawAnswer]:
    async def run() -> list[RawAnswer]:
        async with serve_calls(adapter, host or EchoHost()) as server:
            return await server.exchange(data)

    return asyncio.run(run())


@adapters
def test_call__plain__is_answered_with_its_receipt(adapter: str) -> None:
    (answer,) = exchange(adapter, call(b"[1]", b"X-Request-Id: mine"))

    assert (answer.status, answer.body) == (200, b"[1]")
    expected = {
        "content-type": "application/json",
        "content-length": "3",
        "date": "mon, 30 nov 2026 08:00:00 gmt",
        "wasmarket-fuel": "0",
        "wasmarket-peer": "9",
        "wasmarket-receipt": f"3:1:{'01' * 32}",
        "x-request-id": "mine",
    }
    assert answer.headers == expected


@adapters
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_call__asks_for_another_protocol__reads_its_body_and_no_request_from_it(
    adapter: str, upgrade: bytes
) -> None:
    host = EchoHost()
    inner = call(b"smuggled")
    upgraded = call(inner, b"Connection: Upgrade", b"Upgrade: " + upgrade)

    answers = exchange(adapter, upgraded + call(b"next"), host)

    assert [answer.status for answer in answers] == [200, 200]
    assert [request.body for request in host.calls] == [inner, b"next"]


@adapters
def test_call__with_trailers__reads_none_of_them_as_a_header(adapter: str) -> None:
    host = EchoHost()
    host.access.current = KEYS
    chunked = LINE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n%b\r\n\r\n"

    answers = exchange(adapter, chunked % b"Authorization: Bearer real" + call(), host)

    assert [answer.status for answer in answers] == [401, 401]


@adapters
@pytest.mark.parametrize(
    "lines",
    [
        (b"Authorization: junk", b"Authorization: Bearer real"),
        (b"Authorization: Bearer real", b"Authorization: junk"),
        (b"Authorization: Bearer real", b"authorization: Bearer real"),
        (b"Host: q",),
        (b"Content-Length: 3",),
        (b"Transfer-Encoding: chunked",),
        (b"X-Request-Id: a", b"X-Request-Id: b"),
        (b"X: a", b" folded"),
    ],
)
def test_call__with_two_readings__is_refused_unrun(adapter: str, lines: tuple[bytes, ...]) -> None:
    host = EchoHost()
    host.access.current = KEYS

    answers = exchange(adapter, call(b"[1]", *lines) + call(b"[2]"), host)

    assert [answer.status for answer in answers] == [400]
    assert host.calls == []


@adapters
@pytest.mark.parametrize(
    ("given", "status"),
    [
        (b"Bearer real", 200),
        (b"Bearer   real", 200),
        (b"Bearer real \t", 200),
        (b"bearer real", 200),
        (b"Bearer", 401),
        (b"Basic real", 401),
        (b"Bearer rea l", 403),
        (b"Bearer other", 403),
    ],
)
def test_key__in_any_spelling__is_one_key(adapter: str, given: bytes, status: int) -> None:
    host = EchoHost()
    host.access.current = KEYS

    (answer,) = exchange(adapter, call(b"[1]", b"Authorization: " + given), host)

    assert answer.status == status


@adapters
@pytest.mark.parametrize("is_chunked", [False, True])
def test_body__larger_than_the_app_takes__is_refused(adapter: str, is_chunked: bool) -> None:
    body = b"x" * (LIMIT + 1)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    message = LINE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks if is_chunked else call(body)

    answers = exchange(adapter, message + call())

    assert [answer.status for answer in answers] == [413, 200]
    assert json.loads(answers[0].body)["type"] == "urn:wasmarket:too-large"


@adapters
@pytest.mark.parametrize("split", [1, 7])
def test_calls__in_pieces__are_answered_in_order(adapter: str, split: int) -> None:
    messages = b"".join(call(b"[%d]" % i) for i in range(3))

    async def run() -> list[RawAnswer]:
        async with serve_calls(adapter, EchoHost()) as server:
            client = await server.connect()
            for at in range(0, len(messages), split):
                await client.send(messages[at : at + split])
                await asyncio.sleep(0)
            client.writer.write_eof()
            return await client.read_all()

    assert [answer.body for answer in asyncio.run(run())] == [b"[0]", b"[1]", b"[2]"]


@adapters
def test_caller__that_ends_its_side__gets_the_answer(adapter: str) -> None:
    assert [answer.status for answer in exchange(adapter, call() + call())] == [200, 200]


@adapters
def test_call__over_http_1_0__is_answered_and_the_end(adapter: str) -> None:
    message = call().replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host: p\r\n", b"")

    answers = exchange(adapter, message + call())

    assert [answer.status for answer in answers] == [200]
    assert answers[0].headers["connection"] == "close"


@adapters
def test_call__with_expectations__are_met_or_refused(adapter: str) -> None:
    async def run() -> tuple[bytes, int]:
        async with serve_calls(adapter, EchoHost()) as server:
            client = await server.connect()
            message = call(b"[1]", b"Expect: 100-continue")
            await client.send(message[:-3])
            asked = await client.reader.readuntil(b"\r\n\r\n")
            await client.send(message[-3:])
            return asked, (await client.read_answer()).status

    assert asyncio.run(run()) == (b"HTTP/1.1 100 Continue\r\n\r\n", 200)
    assert [a.status for a in exchange(adapter, call(b"[1]", b"Expect: tea"))] == [417]


@adapters
def test_errors__of_a_call__carry_date_and_request_id(adapter: str) -> None:
    message = call().replace(b"/deals/7/", b"/deals/8/")

    (answer,) = exchange(adapter, message)

    assert answer.status == 404
    assert answer.headers["date"]
    assert answer.headers["x-request-id"] == json.loads(answer.body)["request_id"]


FREE = [b"User-Agent", b"X-Request-Id", b"traceparent", b"Accept", b"Content-Length", b"X-Other"]
FIXED = [b"Authorization", b"Content-Type", b"Prefer", b"Connection", b"Host"]
OTHERS = [b"0", b"3", b"4", b"a b", b" a\t", b"a\x00b", b"a\rb", b"a\nb", b"", b"\xff", b"x" * 300]
LINES = st.lists(
    st.tuples(
        st.sampled_from(FREE + FIXED),
        st.sampled_from([b": ", b":", b" :"]),
        st.sampled_from(OTHERS),
    ),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from([b"[1]", b"[22]"]))
def test_known_head__and_the_parser__read_every_request_alike(
    changed: list[tuple[bytes, bytes, bytes]], body: bytes
) -> None:
    first = {name: b"0" if name != b"Content-Length" else b"3" for name in FREE}
    raw = b"".join(b"%b: %b\r\n" % header for header in first.items())
    lines = {**{name: b": " + value for name, value in first.items()}}
    for name, colon, value in changed:
        lines[name] = colon + value
    second = LINE + b"".join(name + rest + b"\r\n" for name, rest in lines.items()) + b"\r\n" + body
    head = LINE + raw + b"\r\n"

    async def run(*messages: bytes) -> list[RawAnswer]:
        async with serve_calls("protocol", EchoHost()) as server:
            client = await server.connect()
            answers = []
            for message in messages[:-1]:
                await client.send(message)
                answers.append(await client.read_answer())
            await client.send(messages[-1])
            client.writer.write_eof()
            return answers + await client.read_all()

    known = asyncio.run(run(head + b"[1]", second))[1:]
    parsed = asyncio.run(run(second))

    assert [(a.status, a.body) for a in known if a.status == 200] == [
        (a.status, a.body) for a in parsed if a.status == 200
    ]
    assert [a.status for a in known] == [a.status for a in parsed]


def test_known_head__another_id_and_length__is_recognized() -> None:
    raw = LINE + b"X-Request-Id: a\r\nContent-Length: 3\r\n\r\n"
    call_head = CallHead((DEAL, "s", "f"), [(b"x-request-id", b"a")], dict)
    known = KnownHead(call_head, raw, 3)

    other = raw.replace(b": a", b": b").replace(b": 3", b": 12")

    assert known.read(other + b"x" * 12) == (b"b", b"x" * 12)
    assert known.read(other + b"x" * 11) is None
    assert known.read(other + b"x" * 13) is None
    assert known.read(raw.replace(b"Host: p", b"Host: q") + b"[1]") is None
    assert known.read(raw.replace(b"/f ", b"/g ") + b"[1]") is None
