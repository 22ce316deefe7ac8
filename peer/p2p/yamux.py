"""Many streams over one connection: Yamux, the listener's side."""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from peer.p2p.byte_budget import ByteBudget
from peer.p2p.byte_streams import BadPeer, ByteStream

logger = logging.getLogger(__name__)

HEADER = struct.Struct(">BBHII")
DATA, WINDOW, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
WINDOW_BYTES = 256 << 10
MOST_STREAMS = 1_024
MOST_CHUNK = 32 << 10
MOST_HELD = 8 << 20
"""Bytes of one connection that came and are not used yet: buffers, and parts of messages."""

OnStream = Callable[["YamuxStream"], Awaitable[None]]


class StreamReset(EOFError):
    """The other side gave the stream up."""


class YamuxStream:
    """One stream; what is read is credited to the other side, which sends no more than that."""

    def __init__(self, connection: "Yamux", number: int) -> None:
        self._connection = connection
        self.number = number
        self._received = bytearray()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._may_send = WINDOW_BYTES
        self._may_receive = WINDOW_BYTES
        self._unacknowledged = 0
        self._has_ended = False
        self._is_reset = False
        self._is_closed = False

    async def read(self, count: int) -> bytes:
        """Return exactly so many bytes. Raises EOFError."""
        taken = bytearray()
        try:
            while len(taken) < count:
                while not self._received:
                    if self._has_ended or self._is_reset:
                        raise EOFError("the stream has ended")
                    self._news.clear()
                    await self._news.wait()
                part = self._received[: count - len(taken)]
                taken += part
                del self._received[: len(part)]
                await self._credit(len(part))
            return bytes(taken)
        finally:
            self._connection.held.give(len(taken))

    async def write(self, data: bytes) -> None:
        """Send bytes as the other side has room for them. Raises StreamReset."""
        rest = memoryview(data)
        while rest:
            while not self._may_send:
                if self._is_reset:
                    break
                self._room.clear()
                await self._room.wait()
            if self._is_reset:
                raise StreamReset("the other side gave the stream up")
            part = rest[: min(self._may_send, MOST_CHUNK)]
            rest = rest[len(part) :]
            self._may_send -= len(part)
            await self._connection.send(DATA, 0, self.number, bytes(part))

    async def close(self) -> None:
        """Say that nothing more is sent."""
        if not self._is_closed and not self._is_reset:
            self._is_closed = True
            await self._connection.send(DATA, FIN, self.number, b"")

    async def reset(self) -> None:
        """Give the stream up, both ways."""
        if not self._is_reset:
            self.abort()
            await self._connection.send(WINDOW, RST, self.number, b"")

    def abort(self) -> None:
        """Wake whoever waits: nothing more comes or goes."""
        self._is_reset = True
        self._news.set()
        self._room.set()

    def take_data(self, data: bytes) -> None:
        """Take what came. Raises BadPeer for more than there was room for."""
        if len(data) > self._may_receive:
            raise BadPeer("more data than the window")
        if not self._connection.held.take(len(data)):
            raise BadPeer("more data than there is room for")
        self._may_receive -= len(data)
        self._received += data
        self._news.set()

    def drop_data(self) -> None:
        """Let go what came and nobody reads any more."""
        self._connection.held.give(len(self._received))
        self._received.clear()

    def take_room(self, more: int) -> None:
        """Take how much more may be sent. Raises BadPeer."""
        self._may_send += more
        if self._may_send > 2**32:
            raise BadPeer("a window without bounds")
        self._room.set()

    def take_end(self) -> None:
        """Know that nothing more comes."""
        self._has_ended = True
        self._news.set()

    async def _credit(self, count: int) -> None:
        self._unacknowledged += count
        if self._unacknowledged >= WINDOW_BYTES // 2 and not self._has_ended:
            more, self._unacknowledged = self._unacknowledged, 0
            self._may_receive += more
            await self._connection.send(WINDOW, 0, self.number, b"", more)


class Yamux:
    """A connection of many streams; `run` reads until it ends."""

    def __init__(
        self, inner: ByteStream, on_stream: OnStream, held: ByteBudget | None = None
    ) -> None:
        """`on_stream` is called with each stream that the other side opens.

        `held` bounds what came and is not used yet.
        """
        self._inner = inner
        self.held = held or ByteBudget(MOST_HELD)
        self._on_stream = on_stream
        self._streams: dict[int, YamuxStream] = {}
        self._next = 2
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> YamuxStream:
        """Open a stream to the other side."""
        if len(self._streams) >= MOST_STREAMS:
            raise BadPeer("too many streams")
        stream = self._streams[self._next] = YamuxStream(self, self._next)
        self._next += 2
        await self.send(WINDOW, SYN, stream.number, b"")
        return stream

    async def send(
        self, kind: int, flags: int, number: int, data: bytes, value: int | None = None
    ) -> None:
        """Send a frame; `value` stands where the length of the data does."""
        length = len(data) if value is None else value
        await self._inner.write(HEADER.pack(0, kind, flags, number, length) + data)

    async def run(self) -> None:
        """Read until the connection ends. Raises BadPeer, EOFError."""
        try:
            while True:
                version, kind, flags, number, length = HEADER.unpack(
                    await self._inner.read(HEADER.size)
                )
                if version != 0:
                    raise BadPeer(f"version {version} of Yamux")
                if kind == GO_AWAY:
                    return
                if kind == PING:
                    if flags & SYN:
                        await self.send(PING, ACK, 0, b"", length)
                elif kind in (DATA, WINDOW):
                    await self._take(kind, flags, number, length)
                else:
                    raise BadPeer(f"a frame of type {kind}")
        finally:
            for stream in self._streams.values():
                stream.abort()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.held.clear()

    async def _take(self, kind: int, flags: int, number: int, length: int) -> None:
        if kind == DATA and length > WINDOW_BYTES:
            raise BadPeer("a frame that is larger than the window")
        data = await self._inner.read(length) if kind == DATA and length else b""
        if flags & SYN:
            await self._accept(number)
        stream = self._streams.get(number)
        if stream is None:
            return
        if kind == WINDOW:
            stream.take_room(length)
        elif data:
            stream.take_data(data)
        if flags & RST:
            stream.abort()
            self._streams.pop(number, None)
        elif flags & FIN:
            stream.take_end()

    async def _accept(self, number: int) -> None:
        if not number % 2 or number in self._streams:
            raise BadPeer("a stream that cannot be opened")
        # Streams that were reset count until whoever served them has ended.
        if len(self._tasks) >= MOST_STREAMS:
            await self.send(WINDOW, RST, number, b"")
            return
        stream = self._streams[number] = YamuxStream(self, number)
        await self.send(WINDOW, ACK, number, b"")
        self._spawn(self._serve(stream))

    async def _serve(self, stream: YamuxStream) -> None:
        """Let a stream be served; whatever goes wrong ends it alone."""
        try:
            await self._on_stream(stream)
            await stream.close()
        except (BadPeer, EOFError) as error:
            logger.debug("stream ended", extra={"why": str(error)})
            await stream.reset()
        finally:
            stream.drop_data()
            # Reset and opened again the number is another stream's.
            if self._streams.get(stream.number) is stream:
                del self._streams[stream.number]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, (EOFError, OSError)):
            logger.error("a stream failed", exc_info=error)
