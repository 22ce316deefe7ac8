"""Listen for clients that speak libp2p over WebSocket: unchanged Fluence js-clients."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from peer.p2p import multistream
from peer.p2p.byte_budget import ByteBudget
from peer.p2p.byte_streams import BadPeer
from peer.p2p.certificate import Certificate
from peer.p2p.clients import MOST_WAITING, TAKE_SECONDS, P2pClient
from peer.p2p.noise import secure
from peer.p2p.yamux import MOST_HELD, Yamux
from wasmarket.kernel.documents.particles import (
    Particle,
    decode_particle,
    encode_particle,
    to_peer_id,
)
from wasmarket.kernel.errors import MarketError, PortInUse
from wasmarket.serving.callers.addresses import group_of

logger = logging.getLogger(__name__)

NOISE = "/noise"
YAMUX = "/yamux/1.0.0"
HANDSHAKE_SECONDS = 15.0
CLOSE_SECONDS = 1.0
MOST_CLIENTS = 1_000
MOST_OF_ONE_ADDRESS = 256
MOST_MESSAGE = 1 << 20
"""Bytes of a WebSocket message; what it carries is a stream."""
MOST_MESSAGES = 2
"""WebSocket messages of one client that wait to be read."""
MOST_BYTES_OF_ONE_ADDRESS = 64 << 20
MOST_BYTES = 256 << 20
"""Bytes that wait for, and of, all clients together."""

OnParticle = Callable[[Particle, str], None]
"""Takes a particle and the address that it came from. Raises MarketError."""


def _silent() -> logging.Logger:
    """Return a logger that strangers' handshakes cannot fill: what counts is logged here."""
    quiet = logging.getLogger("peer.p2p.websocket")
    quiet.setLevel(logging.CRITICAL)
    return quiet


class WebSocketStream:
    """The bytes of a WebSocket's binary messages, one behind the other."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._read = bytearray()

    async def read(self, count: int) -> bytes:
        """Return exactly so many bytes. Raises EOFError, BadPeer."""
        while len(self._read) < count:
            try:
                message = await self._connection.recv()
            except ConnectionClosed as error:
                raise EOFError("the connection has ended") from error
            if isinstance(message, str):
                raise BadPeer("a text message")
            self._read += message
        taken = bytes(self._read[:count])
        del self._read[:count]
        return taken

    async def write(self, data: bytes) -> None:
        """Send bytes as one message. Raises EOFError."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise EOFError("the connection has ended") from error


class ClientEdge:
    """The clients of this peer by their ids; of two connections with one id the newer counts."""

    def __init__(
        self,
        identity: Ed25519PrivateKey,
        agent: str,
        most_frame: int,
        on_particle: OnParticle,
        *,
        take_seconds: float = TAKE_SECONDS,
    ) -> None:
        """`take_seconds`: how long a client may take for one particle before it is let go."""
        self._identity = identity
        self._agent = agent
        self._most_frame = most_frame
        self._on_particle = on_particle
        self._own_id = to_peer_id(identity.public_key().public_bytes_raw())
        self._clients: dict[str, P2pClient] = {}
        self._take_seconds = take_seconds
        self._addresses: Counter[str] = Counter()
        self._bytes = ByteBudget(MOST_BYTES)
        self._bytes_by_address: dict[str, ByteBudget] = {}
        self._server: Server | None = None

    async def start(self, host: str, port: int, certificate: Certificate | None = None) -> None:
        """Listen, with a certificate over TLS. Raises PortInUse."""
        tls: dict[str, Any] = {}
        if certificate is not None:
            tls = {"ssl": certificate.context, "ssl_handshake_timeout": HANDSHAKE_SECONDS}
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                compression=None,
                max_size=MOST_MESSAGE,
                max_queue=MOST_MESSAGES,
                open_timeout=HANDSHAKE_SECONDS,
                close_timeout=CLOSE_SECONDS,
                logger=_silent(),
                **tls,
            )
        except OSError as error:
            raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror}") from error

    async def close(self) -> None:
        """Let all clients go."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def has(self, peer_id: str) -> bool:
        """Say whether a client is connected."""
        return peer_id in self._clients

    def send(self, peer_id: str, particle: Particle) -> bool:
        """Give a particle to a client; say whether there is one that takes it."""
        client = self._clients.get(peer_id)
        return client is not None and client.send(encode_particle(particle))

    async def _serve(self, connection: ServerConnection) -> None:
        address = group_of(str(connection.remote_address[0]))
        if (
            self._addresses[address] >= MOST_OF_ONE_ADDRESS
            or sum(self._addresses.values()) >= MOST_CLIENTS
        ):
            return
        self._addresses[address] += 1
        try:
            await self._talk(WebSocketStream(connection), address)
        except (EOFError, TimeoutError):
            pass
        except BadPeer as error:
            logger.info("client refused", extra={"address": address, "why": str(error)})
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
                self._bytes_by_address.pop(address, None)

    async def _talk(self, stream: WebSocketStream, address: str) -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await multistream.accept(stream, (NOISE,))
            secured, peer_id = await secure(stream, self._identity)
            await multistream.accept(secured, (YAMUX,))

        async def take(frame: bytes) -> None:
            self._take(frame, address)

        of_address = self._bytes_by_address.setdefault(
            address, ByteBudget(MOST_BYTES_OF_ONE_ADDRESS, self._bytes)
        )
        client = P2pClient(
            peer_id,
            self._own_id,
            self._agent,
            self._most_frame,
            take,
            ByteBudget(MOST_WAITING, of_address),
            self._take_seconds,
        )
        self._clients[peer_id] = client
        try:
            await client.run(Yamux(secured, client.serve_stream, ByteBudget(MOST_HELD, of_address)))
        finally:
            if self._clients.get(peer_id) is client:
                del self._clients[peer_id]

    def _take(self, frame: bytes, address: str) -> None:
        try:
            self._on_particle(decode_particle(frame), address)
        except MarketError as error:
            # There is no way to say so: the protocol has no answers.
            logger.info("particle refused", extra={"address": address, "why": error.detail})
