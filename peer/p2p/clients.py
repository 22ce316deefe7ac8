"""A client that is connected: what it sends, and what is sent to it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from peer.p2p import multistream
from peer.p2p.byte_budget import ByteBudget
from peer.p2p.byte_streams import prefixed, read_prefixed
from peer.p2p.noise import write_public_key
from peer.p2p.protobuf import write_message
from peer.p2p.yamux import Yamux, YamuxStream
from wasmarket.kernel.documents.particles import parse_peer_id

PARTICLE = "/fluence/particle/2.0.0"
IDENTIFY = "/ipfs/id/1.0.0"
PING = "/ipfs/ping/1.0.0"
PROTOCOLS = (PARTICLE, IDENTIFY, PING)
PING_BYTES = 32
MOST_WAITING = 8 << 20
"""Bytes that wait for one client."""
TAKE_SECONDS = 60.0
"""How long a client may take for one particle before it is let go."""
PUBLIC_KEY, LISTEN_ADDRESSES, SPOKEN, OBSERVED, PROTOCOL_VERSION, AGENT_VERSION = 1, 2, 3, 4, 5, 6

OnFrame = Callable[[bytes], Awaitable[None]]


class P2pClient:
    """One connection. Event loop only."""

    def __init__(
        self,
        peer_id: str,
        own_id: str,
        agent: str,
        most_frame: int,
        on_frame: OnFrame,
        waiting: ByteBudget,
        take_seconds: float = TAKE_SECONDS,
    ) -> None:
        """`on_frame` takes each particle that the client sends; `waiting` bounds its queue."""
        self.peer_id = peer_id
        self._own_id = own_id
        self._agent = agent
        self._most_frame = most_frame
        self._on_frame = on_frame
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = waiting
        self._take_seconds = take_seconds
        self._news = asyncio.Event()

    def send(self, frame: bytes) -> bool:
        """Send a particle; say whether the client may still take it."""
        message = prefixed(frame)
        if not self._waiting_bytes.take(len(message)):
            return False
        self._waiting.append(message)
        self._news.set()
        return True

    async def run(self, connection: Yamux) -> None:
        """Serve the client until its connection ends.

        Raises BadPeer, EOFError, OSError, and TimeoutError for one that takes nothing.
        """
        sending = asyncio.ensure_future(self._send_waiting(connection))
        reading = asyncio.ensure_future(connection.run())
        try:
            done, _ = await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (sending, reading):
                task.cancel()
            await asyncio.gather(sending, reading, return_exceptions=True)
            self._waiting_bytes.clear()

    async def serve_stream(self, stream: YamuxStream) -> None:
        """Serve a stream that the client opened. Raises BadPeer, EOFError."""
        protocol = await multistream.accept(stream, PROTOCOLS)
        if protocol == IDENTIFY:
            await stream.write(prefixed(self._describe()))
        elif protocol == PING:
            await self._echo(stream)
        else:
            await self._take_frames(stream)

    async def _send_waiting(self, connection: Yamux) -> None:
        """Write all particles on one stream that stays open: js-client reads any number."""
        stream: YamuxStream | None = None
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            message = self._waiting.popleft()
            async with asyncio.timeout(self._take_seconds):
                if stream is None:
                    stream = await connection.open()
                    await multistream.propose(stream, PARTICLE)
                await stream.write(message)
            self._waiting_bytes.give(len(message))

    async def _take_frames(self, stream: YamuxStream) -> None:
        while True:
            try:
                frame = await read_prefixed(stream, self._most_frame)
            except EOFError:
                return
            await self._on_frame(frame)

    async def _echo(self, stream: YamuxStream) -> None:
        while True:
            try:
                await stream.write(await stream.read(PING_BYTES))
            except EOFError:
                return

    def _describe(self) -> bytes:
        return write_message(
            {
                PROTOCOL_VERSION: [b"wasmarket/1"],
                AGENT_VERSION: [self._agent.encode()],
                PUBLIC_KEY: [write_public_key(parse_peer_id(self._own_id))],
                SPOKEN: [name.encode() for name in PROTOCOLS],
            }
        )
