"""The way to peers, over real sockets: kept connections, and peers that fail in every way."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.gateway.raw_peers import END, WAIT, RawPeer
from wasmarket.kernel.errors import TimedOut, Unreachable
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.peer_wire.connection import BUFFER, SMALL, Outgoing, PeerFailed
from wasmarket.serving.peer_wire.wire import PooledWire

pytestmark = pytest.mark.e2e  # loopback sockets

CALL = Outgoing("POST", "/v1/deals/1/s/f?x=1", ((b"accept", b"*/*"),), b"[1]", False)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: 1\r\n\r\nok"


@asynccontextmanager
async def peer_and_wire(peer, **options):
    """Serve a raw peer on loopback; yield the wire and the peer's endpoint."""
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    limits = {"connect_seconds": 2.0, "answer_seconds": 5.0} | options
    wire = PooledWire(Outbound(allow_private=True), **limits)
    try:
        yield wire, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        peer.release.set()
        wire.close()
        server.close()
        await peer.end()


async def read_all(answer):
    parts = []
    while chunk := await answer.read():
        parts.append(chunk)
    answer.close()
    return b"".join(parts)


def ask(peer, *requests, **options):
    """Send requests one after the other; return what came of each."""

    async def run():
        async with peer_and_wire(peer, **options) as (wire, endpoint):
            return [await ask_one(wire, endpoint, request) for request in requests or (CALL,)]

    return asyncio.run(run())


async def ask_one(wire, endpoint, request):
    try:
        answer = await wire.open(endpoint, request)
    except (PeerFailed, TimedOut, Unreachable) as error:
        return error
    try:
        return answer.status, await read_all(answer)
    except (PeerFailed, TimedOut) as error:
        answer.close()
        return error


def test_open__requests_one_after_the_other__share_a_connection():
    peer = RawPeer(OK)

    assert ask(peer, CALL, CALL, CALL) == [(200, b"ok")] * 3
    assert peer.connections == 1
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/deals/1/s/f?x=1 HTTP/1.1"
    assert lines[1].startswith(b"host: 127.0.0.1:")
    assert set(lines[2:]) == {b"accept: */*", b"content-length: 3"}
    assert body == b"[1]"


def test_open__peer_closes_after_each__is_connected_anew():
    peer = RawPeer([b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", END])

    assert ask(peer, CALL, CALL) == [(200, b"ok")] * 2
    assert peer.connections == 2


def test_open__idle_for_too_long__is_connected_anew():
    peer = RawPeer(OK)

    assert ask(peer, CALL, CALL, idle_seconds=-1.0) == [(200, b"ok")] * 2
    assert peer.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        [END],
        [b"HTTP/1.1 200", END],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", END],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", END],
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        b"HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
    ],
    ids=lambda answer: repr(answer)[:40],
)
def test_open__peer_breaks_off_or_speaks_no_http__failed(answer):
    peer = RawPeer(answer, OK)

    failed, after = ask(peer, CALL, CALL)

    assert isinstance(failed, PeerFailed)
    assert "may have run" in failed.detail
    assert after == (200, b"ok")
    assert peer.connections == 2


@pytest.mark.parametrize("extra", [b"!", OK])
def test_open__peer_sends_more_than_it_said__never_becomes_the_next_answer(extra):
    peer = RawPeer(OK + extra, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext")

    assert ask(peer, CALL, CALL) == [(200, b"ok"), (200, b"next")]
    assert peer.connections == 2


def test_open__nobody_listens__unreachable():
    async def run():
        async with peer_and_wire(RawPeer(OK)) as (wire, endpoint):
            gone = endpoint
        return await ask_one(wire, gone, CALL)

    assert isinstance(asyncio.run(run()), Unreachable)


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://x", "http://", "nonsense", "http://a b", "http://x:99999", "http://x\r\ny", "//x"],
)
def test_open__endpoint_is_nonsense__unreachable(endpoint):
    wire = PooledWire(Outbound(allow_private=True), connect_seconds=1, answer_seconds=1)

    with pytest.raises(Unreachable):
        asyncio.run(wire.open(endpoint, CALL))


def test_open__private_endpoint__is_not_connected_to():
    async def run():
        peer = RawPeer(OK)
        async with peer_and_wire(peer) as (_, endpoint):
            strict = PooledWire(Outbound(allow_private=False), connect_seconds=1, answer_seconds=1)
            return peer, await ask_one(strict, endpoint, CALL)

    peer, error = asyncio.run(run())
    assert isinstance(error, Unreachable)
    assert "not public" in error.detail
    assert peer.connections == 0


def test_open__peer_is_silent__timed_out():
    [error] = ask(RawPeer([WAIT]), answer_seconds=0.01)

    assert isinstance(error, TimedOut)


def test_open__peer_drips__timed_out_as_a_whole():
    drip = [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b"a", WAIT]

    [error] = ask(RawPeer(drip), answer_seconds=0.05)

    assert isinstance(error, TimedOut)


def test_open__long_answer__begins_at_once_and_breaks_where_it_breaks():
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (SMALL * 3)

    async def run():
        peer = RawPeer([head + b"x" * SMALL, WAIT, END])
        async with peer_and_wire(peer) as (wire, endpoint):
            answer = await wire.open(endpoint, CALL)
            first = await answer.read()
            peer.release.set()
            with pytest.raises(PeerFailed):
                await read_all(answer)
            answer.close()
            return answer.status, answer.length, first[:1]

    assert asyncio.run(run()) == (200, SMALL * 3, b"x")


def test_open__endless_answer__comes_line_by_line():
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"

    async def run():
        peer = RawPeer([head, WAIT, b"3\r\ntwo\r\n0\r\n\r\n"])
        async with peer_and_wire(peer) as (wire, endpoint):
            answer = await wire.open(endpoint, CALL)
            first = await answer.read()
            peer.release.set()
            return first, await read_all(answer)

    assert asyncio.run(run()) == (b"one", b"two")


def test_open__answer_until_the_connection_ends__is_whole():
    assert ask(RawPeer([b"HTTP/1.0 200 OK\r\n\r\nall", END])) == [(200, b"all")]


@pytest.mark.parametrize("status", [204, 304])
def test_open__status_without_body__is_complete(status):
    peer = RawPeer(b"HTTP/1.1 %d -\r\ncontent-length: 5\r\n\r\n" % status)

    # 304 may say how long a body would have been.
    if status == 304:
        assert ask(peer, CALL, CALL) == [(304, b"")] * 2


def test_open__continue_before_the_answer__is_passed_over():
    assert ask(RawPeer(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) == [(200, b"ok")]


@pytest.mark.parametrize("length", [None, 3 + 5 * 1_000])
def test_open__body_that_comes_by_and_by__arrives_whole(length):
    async def more():
        for _ in range(5):
            yield b"x" * 1_000

    peer = RawPeer(OK)
    request = Outgoing("POST", "/", (), b"abc", False, more(), length)

    assert ask(peer, request, CALL) == [(200, b"ok")] * 2
    assert peer.requests[0].endswith(b"\r\n\r\nabc" + b"x" * 5_000)
    assert peer.connections == 1


@pytest.mark.parametrize("length", [10, 4_000])
def test_open__body_of_another_length_than_said__is_never_sent_as_whole(length):
    async def more():
        yield b"x" * 1_000

    [result] = ask(RawPeer(OK), Outgoing("POST", "/", (), b"", False, more(), length))

    assert isinstance(result, PeerFailed)


def test_open__peer_answers_before_the_body_ends__the_answer_counts():
    refusal = b"HTTP/1.1 413 Large\r\ncontent-length: 2\r\n\r\nno"

    class Impatient(RawPeer):
        async def _read_body(self, reader, head):
            return b""

    async def run():
        peer = Impatient([refusal, WAIT])

        async def more():
            while not peer.requests:
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
                yield b"x"

        async with peer_and_wire(peer) as (wire, endpoint):
            request = Outgoing("POST", "/", (), b"", False, more(), 500)
            return [await ask_one(wire, endpoint, r) for r in (request, CALL)], peer.connections

    answers, connections = asyncio.run(run())
    assert answers == [(413, b"no")] * 2
    assert connections == 2


def test_open__slow_reader__makes_the_peer_wait():
    size = BUFFER * 40

    async def run():
        peer = RawPeer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
        async with peer_and_wire(peer) as (wire, endpoint):
            answer = await wire.open(endpoint, CALL)
            for _ in range(50):
                await asyncio.sleep(0)
            held = answer._buffered
            return held, len(await read_all(answer))

    held, total = asyncio.run(run())
    assert held <= BUFFER * 2
    assert total == size


def test_open__too_many_at_once__unreachable_before_anything_is_sent():
    async def run():
        peer = RawPeer([WAIT, OK])
        async with peer_and_wire(peer, connections=2) as (wire, endpoint):
            waiting = [asyncio.create_task(ask_one(wire, endpoint, CALL)) for _ in range(2)]
            while peer.connections < 2:
                await asyncio.sleep(0)
            third = await ask_one(wire, endpoint, CALL)
            peer.release.set()
            return third, await asyncio.gather(*waiting)

    third, others = asyncio.run(run())
    assert isinstance(third, Unreachable)
    assert others == [(200, b"ok")] * 2


def test_open__given_up__closes_the_connection():
    async def run():
        peer = RawPeer([WAIT])
        async with peer_and_wire(peer) as (wire, endpoint):
            asking = asyncio.create_task(wire.open(endpoint, CALL))
            while not peer.requests:
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            peer.release.set()
            await asyncio.wait_for(peer.closed.wait(), 5)

    asyncio.run(run())
