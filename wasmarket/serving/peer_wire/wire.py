"""Connections to peers that are kept for the next call: little work per call, all bounded."""

import asyncio
import ssl
from typing import Protocol
from urllib.parse import urlsplit

from wasmarket.kernel.errors import MarketError, Unreachable
from wasmarket.serving.outbound import PORTS, Outbound
from wasmarket.serving.outbound_http import tls_context
from wasmarket.serving.peer_wire.connection import (
    Connection,
    Outgoing,
    PeerAnswer,
    UpstreamEndpoint,
)


class Wire(Protocol):
    """The way to peers."""

    async def open(self, endpoint: str, outgoing: Outgoing) -> PeerAnswer:
        """Send a request and return the answer once its head is there.

        Raises Unreachable if the peer cannot have seen it, PeerFailed, TimedOut.
        """

    def close(self) -> None:
        """Close what is idle."""


class PooledWire:
    """Connections to peers, kept for the next call."""

    def __init__(
        self,
        outbound: Outbound,
        *,
        connect_seconds: float,
        answer_seconds: float,
        idle_seconds: float = 4.0,
        connections: int = 256,
    ) -> None:
        """`answer_seconds` is the longest silence of a peer. `idle_seconds` should be less than
        what peers keep idle connections for; `connections` is the most to one endpoint.
        """
        self._outbound = outbound
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._idle_seconds = idle_seconds
        self._most = connections
        self._origins: dict[str, UpstreamEndpoint] = {}
        self._tls = tls_context()

    async def open(self, endpoint: str, outgoing: Outgoing) -> PeerAnswer:
        """Send a request over a kept or a new connection. Raises as `Wire.open`."""
        origin = self._origins.get(endpoint)
        if origin is None:
            origin = self._origins[endpoint] = _parse_endpoint(endpoint)
        connection = self._take(origin) or await self._connect(origin)
        try:
            await connection.send(origin, outgoing)
        except BaseException:
            connection.abort()
            raise
        return connection

    def close(self) -> None:
        """Close all idle connections."""
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop().abort()

    def _take(self, origin: UpstreamEndpoint) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while origin.idle:
            connection = origin.idle.pop()
            if connection.idle_since >= oldest and connection.is_open:
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: UpstreamEndpoint) -> Connection:
        if origin.open >= self._most:
            raise Unreachable(
                f"{origin.host} has {origin.open} requests from here under way",
                remedy="try again in a moment",
            )
        loop = asyncio.get_running_loop()
        origin.open += 1
        try:
            async with asyncio.timeout(self._connect_seconds):
                addresses = await self._outbound.resolve(origin.host, origin.port)
                connection = await self._connect_to(loop, origin, addresses)
        except (OSError, TimeoutError, ssl.SSLError, MarketError) as error:
            origin.open -= 1
            raise Unreachable(f"{origin.host} cannot be reached: {_cause(error)}") from error
        except BaseException:
            origin.open -= 1
            raise
        return connection

    async def _connect_to(
        self, loop: asyncio.AbstractEventLoop, origin: UpstreamEndpoint, addresses: list[str]
    ) -> Connection:
        failure: OSError = OSError("it has no address")
        for address in addresses:
            try:
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, origin, self._answer_seconds),
                    address,
                    origin.port,
                    ssl=self._tls if origin.is_tls else None,
                    server_hostname=origin.host if origin.is_tls else None,
                )
            except OSError as error:
                failure = error
            else:
                return connection
        raise failure


def _parse_endpoint(endpoint: str) -> UpstreamEndpoint:
    try:
        parts = urlsplit(endpoint)
        port = parts.port or PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        prefix = parts.path.rstrip("/").encode("ascii").decode("ascii")
    except ValueError as error:
        raise Unreachable(f"the peer's endpoint {endpoint!r} is not a URL: {error}") from error
    if parts.scheme not in PORTS or not host or any(sign in endpoint for sign in " \r\n\t\0"):
        raise Unreachable(f"the peer's endpoint {endpoint!r} is not an HTTP URL")
    return UpstreamEndpoint(host, port, parts.scheme == "https", prefix)


def _cause(error: Exception) -> str:
    if isinstance(error, MarketError):
        return error.detail
    return "took too long" if isinstance(error, TimeoutError) else str(error)
