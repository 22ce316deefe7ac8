"""HTTP clients whose connections go only where `Outbound` lets them.

The check sits below the connection pool, where the address is chosen: TLS is still checked
against the name, and no redirect and no header can lead around it.
"""

import asyncio
import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

from wasmarket.kernel.errors import MarketError
from wasmarket.serving.outbound import Outbound


def create_async_client(outbound: Outbound, **options: Any) -> httpx.AsyncClient:
    """Return a client for endpoints that others named; `options` as httpx takes them.

    It follows no redirects and reads no proxy settings. A refused address is a
    `httpx.ConnectError`.
    """
    limits = options.pop("limits", httpx.Limits(max_connections=100, max_keepalive_connections=20))
    transport = _AsyncTransport(outbound, limits)
    return httpx.AsyncClient(
        transport=transport, follow_redirects=False, trust_env=False, **options
    )


def create_client(outbound: Outbound, **options: Any) -> httpx.Client:
    """Return a blocking client for endpoints that others named, as `create_async_client`."""
    return httpx.Client(
        transport=_Transport(outbound), follow_redirects=False, trust_env=False, **options
    )


@cache
def tls_context() -> ssl.SSLContext:
    """Return what checks the certificates of others: one for the process, as it takes long."""
    return httpx.create_ssl_context(trust_env=False)


class _AsyncTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool that connects through the check.

    httpx has no argument for the pool's network backend, httpcore does.
    """

    def __init__(self, outbound: Outbound, limits: httpx.Limits) -> None:
        super().__init__(verify=tls_context(), trust_env=False, limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_AsyncBackend(outbound),
        )


class _Transport(httpx.HTTPTransport):
    """The same for threads."""

    def __init__(self, outbound: Outbound) -> None:
        super().__init__(verify=tls_context(), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(),
            network_backend=_Backend(outbound),
        )


class _AsyncBackend(httpcore.AnyIOBackend):
    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._outbound.resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except (MarketError, OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await super().connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")


class _Backend(httpcore.SyncBackend):
    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._outbound.resolve_now(host, port, timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except (MarketError, OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")
