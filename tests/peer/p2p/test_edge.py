"""What clients at the edge may do wrong, and that others do not notice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from peer.p2p import multistream
from peer.p2p.byte_streams import BadPeer, prefixed, read_prefixed
from peer.p2p.clients import IDENTIFY, PARTICLE, PING
from peer.p2p.edge import ClientEdge, WebSocketStream
from peer.p2p.protobuf import read_message
from peer.p2p.yamux import (
    ACK,
    HEADER,
    MOST_HELD,
    RST,
    SYN,
    WINDOW,
    WINDOW_BYTES,
    Yamux,
    YamuxStream,
)
from tests.peer.choreography.avm_bench import build_particle, id_of, key_of
from tests.peer.p2p.dialer import dial
from tests.peer.runtime.pools import eventually, in_loop
from wasmarket.kernel.documents.particles import decode_particle, encode_particle
from wasmarket.kernel.errors import LimitReached, PortInUse
from wasmarket_cli.local.plan import find_free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MOST_FRAME = 100_000


class Client:
    """A client that keeps to the protocol, as far as a test lets it."""

    def __init__(self, secured) -> None:
        self.secured = secured
        self.frames: list[bytes] = []
        self.connection = Yamux(secured, self._serve)
        # An initiator's streams have odd numbers.
        self.connection._next = 1
        self.connection._accept = self._accept
        self.task = asyncio.ensure_future(self.connection.run())

    async def _accept(self, number: int) -> None:
        stream = self.connection._streams[number] = YamuxStream(self.connection, number)
        await self.connection.send(WINDOW, ACK, number, b"")
        self.connection._spawn(self.connection._serve(stream))

    async def _serve(self, stream) -> None:
        await multistream.accept(stream, (PARTICLE,))
        while True:
            self.frames.append(await read_prefixed(stream, 1 << 20))

    async def open(self, protocol: str):
        stream = await self.connection.open()
        await multistream.propose(stream, protocol)
        return stream


async def read_to_end(connection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await connection.recv()


@asynccontextmanager
async def listening(
    on_particle=lambda particle, address: None, **settings
) -> AsyncIterator[tuple[ClientEdge, int]]:
    edge = ClientEdge(key_of(9), "test", MOST_FRAME, on_particle, **settings)
    port = find_free_port()
    await edge.start("127.0.0.1", port)
    try:
        yield edge, port
    finally:
        await edge.close()


@asynccontextmanager
async def connected(port: int, number: int = 1) -> AsyncIterator[Client]:
    async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as socket_:
        secured = await dial(WebSocketStream(socket_), key_of(number))
        await multistream.propose(secured, "/yamux/1.0.0")
        client = Client(secured)
        try:
            yield client
        finally:
            client.task.cancel()
            await asyncio.gather(client.task, return_exceptions=True)


@in_loop
async def test_client__identifies_pings_sends_and_is_sent_to():
    taken = []
    async with listening(lambda particle, address: taken.append((particle, address))) as (
        edge,
        port,
    ):
        async with connected(port) as client:
            identify = await client.open(IDENTIFY)
            fields = read_message(await read_prefixed(identify, 4_096))
            assert PARTICLE.encode() in fields[3]
            ping = await client.open(PING)
            await ping.write(bytes(range(32)))
            assert await ping.read(32) == bytes(range(32))
            particle = build_particle(1, "(null)", data=bytes(60_000))
            stream = await client.open(PARTICLE)
            for _ in range(20):
                await stream.write(prefixed(encode_particle(particle)))
            await eventually(lambda: len(taken) == 20)
            assert taken[0] == (particle, "127.0.0.1")

            assert edge.send(id_of(1), particle)
            assert edge.send(id_of(1), particle)
            await eventually(lambda: len(client.frames) == 2)
            assert decode_particle(client.frames[0]) == particle
        await eventually(lambda: not edge.has(id_of(1)))
        assert not edge.send(id_of(1), particle)


@in_loop
async def test_client__whose_identity_did_not_sign__is_refused():
    async with listening() as (edge, port):
        async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as socket_:
            secured = await dial(WebSocketStream(socket_), key_of(1), signed_by=key_of(2))
            with pytest.raises(EOFError):
                await multistream.propose(secured, "/yamux/1.0.0")
        assert not edge.has(id_of(1))


@pytest.mark.parametrize(
    "messages",
    [
        [b""],
        [b"\xff" * 100],
        ["text"],
        [b"\x13/multistream/1.0.0\n\x07/noise\n", bytes(2)],
        [b"\x13/multistream/1.0.0\n\x07/noise\n", b"\x00\x20" + bytes(32)],
        [b"\x13/multistream/1.0.0\n" + b"\x06/none\n" * 40],
        [b"GET / HTTP/1.1\r\n\r\n"],
    ],
)
def test_garbage__instead_of_a_handshake__ends_that_connection_alone(messages, monkeypatch):
    # One of them is the length of a message that never comes.
    monkeypatch.setattr("peer.p2p.edge.HANDSHAKE_SECONDS", 3.0)

    @in_loop
    async def run():
        async with listening() as (_, port), connected(port) as client:
            async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as other:
                for message in messages:
                    await other.send(message)
                if messages != [b""]:
                    await read_to_end(other)
            ping = await client.open(PING)
            await ping.write(bytes(32))
            assert await ping.read(32) == bytes(32)

    run()


@in_loop
async def test_frames__longer_than_allowed_or_no_particles__end_their_stream_alone():
    async with listening() as (_, port), connected(port) as client:
        too_long = await client.open(PARTICLE)
        await too_long.write(b"\xff\xff\xff\x7f")
        with pytest.raises(EOFError):
            await too_long.read(1)
        garbage = await client.open(PARTICLE)
        await garbage.write(prefixed(b"no particle"))
        none = await client.connection.open()
        with pytest.raises(BadPeer):
            await multistream.propose(none, "/none")

        ping = await client.open(PING)
        await ping.write(bytes(32))
        assert await ping.read(32) == bytes(32)


@in_loop
async def test_data__over_the_window__is_refused():
    stream = YamuxStream(Yamux(None, None), 1)
    stream.take_data(bytes(WINDOW_BYTES))

    with pytest.raises(BadPeer):
        stream.take_data(b"x")


@in_loop
async def test_number_of_a_stream__reset_and_opened_again__is_served():
    async with listening() as (_, port), connected(port) as client:
        again = client.connection._streams[1] = YamuxStream(client.connection, 1)
        frames = [HEADER.pack(0, WINDOW, flags, 1, 0) for flags in (SYN, RST, SYN)]
        await client.secured.write(b"".join(frames))

        await multistream.propose(again, PING)
        await again.write(bytes(32))
        assert await again.read(32) == bytes(32)


@in_loop
async def test_client__that_holds_more_unfinished_frames_than_it_may__is_let_go():
    async with listening() as (edge, port), connected(port) as client:
        for _ in range(MOST_HELD // (MOST_FRAME - 1) + 1):
            stream = await client.open(PARTICLE)
            await stream.write(prefixed(bytes(MOST_FRAME))[:-1])
        await eventually(lambda: not edge.has(id_of(1)))
        assert not edge._bytes.held


@in_loop
async def test_client__that_takes_nothing__is_let_go():
    async with listening(take_seconds=0.05) as (edge, port), connected(port) as client:

        async def answer_nothing(_stream) -> None:
            await asyncio.Event().wait()

        client.connection._on_stream = answer_nothing
        await eventually(lambda: edge.send(id_of(1), build_particle(1, "(null)")))

        await eventually(lambda: not edge.has(id_of(1)))
        assert not edge._bytes.held


@in_loop
async def test_particles__that_wait_for_a_client__are_bounded():
    async with listening() as (edge, port), connected(port) as client:

        async def answer_nothing(_stream) -> None:
            await asyncio.Event().wait()

        client.connection._on_stream = answer_nothing
        particle = build_particle(1, "(null)", data=bytes(1 << 20))
        await eventually(lambda: edge.send(id_of(1), particle))
        assert [edge.send(id_of(1), particle) for _ in range(8)] == [True] * 6 + [False] * 2


@in_loop
async def test_particle__that_is_refused__does_not_end_the_connection():
    refused = []

    def refuse(particle, address):
        refused.append(particle)
        raise LimitReached("too many")

    async with listening(refuse) as (_, port), connected(port) as client:
        stream = await client.open(PARTICLE)
        for _ in range(3):
            await stream.write(prefixed(encode_particle(build_particle(1, "(null)"))))
        await eventually(lambda: len(refused) == 3)


@in_loop
async def test_port__in_use__is_said():
    async with listening() as (_, port):
        with pytest.raises(PortInUse):
            await ClientEdge(key_of(8), "test", MOST_FRAME, lambda *_: None).start(
                "127.0.0.1", port
            )
