"""HTTP clients for URLs of our own settings, through the environment's proxies where there are any.

For endpoints that strangers named see `wasmarket.serving.outbound_http`.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Any, Generic, TypeVar

import httpx

from wasmarket.serving.outgoing.proxies import choose_proxy

PORTS = {"http": 80, "https": 443}
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)
ROUTES_KEPT = 1_024

TransportT = TypeVar("TransportT", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


def create_http_client(**options: Any) -> httpx.Client:
    """Return a client; `options` as httpx takes them. Asking may raise ConfigError (a proxy)."""
    options.setdefault("transport", _Routed(os.environ))
    return httpx.Client(trust_env=False, **options)


def create_async_http_client(**options: Any) -> httpx.AsyncClient:
    """Return an asynchronous client, as `create_http_client`."""
    options.setdefault("transport", _AsyncRouted(os.environ))
    return httpx.AsyncClient(trust_env=False, **options)


class _Routes(Generic[TransportT]):
    """One transport per proxy and scheme, made when it is first needed."""

    def __init__(self, kind: type[TransportT], environ: Mapping[str, str]) -> None:
        self._kind: type[TransportT] = kind
        self._environ = dict(environ)
        self._made: dict[tuple[str | None, str], TransportT] = {}
        self._lock = Lock()
        self._choose = lru_cache(ROUTES_KEPT)(self._choose_proxy)

    def find(self, url: httpx.URL) -> TransportT:
        """Return the transport for a URL. Raises ConfigError."""
        proxy = self._choose(url.scheme, url.host, url.port or PORTS.get(url.scheme, 0))
        with self._lock:
            found = self._made.get((proxy, url.scheme))
            if found is None:
                # Reading the trusted certificates takes long: only where there is TLS.
                verify = url.scheme == "https" or (proxy or "").startswith("https:")
                found = self._kind(verify=verify, limits=LIMITS, proxy=proxy)
                self._made[proxy, url.scheme] = found
        return found

    def take_all(self) -> list[TransportT]:
        """Return the transports that were made, to be closed."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
        return made

    def _choose_proxy(self, scheme: str, host: str, port: int) -> str | None:
        return choose_proxy(scheme, host, port, self._environ)


class _Routed(httpx.BaseTransport):
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._routes = _Routes(httpx.HTTPTransport, environ)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._routes.find(request.url).handle_request(request)

    def close(self) -> None:
        for transport in self._routes.take_all():
            transport.close()


class _AsyncRouted(httpx.AsyncBaseTransport):
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._routes = _Routes(httpx.AsyncHTTPTransport, environ)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._routes.find(request.url).handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._routes.take_all():
            await transport.aclose()
