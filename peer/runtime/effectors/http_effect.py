"""Outbound HTTP for guests: only to hosts that the app names, and never into a private network."""

import asyncio
import re
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx
import msgspec

from wasmarket.serving.outbound import PORTS, Outbound
from wasmarket.serving.outbound_http import create_async_client

METHOD: Final = re.compile(r"[A-Z]{1,20}")
REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})
OWN_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to the connection, which is the peer's."""
SECRETS: Final = frozenset({"authorization", "cookie"})
"""Headers that do not follow a redirect to another host."""
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
AS_GET: Final = frozenset({301, 302, 303})
HEADERS: Final = {"user-agent": "wasmarket", "accept": "*/*", "accept-encoding": "identity"}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What requests may take: bytes there and back, seconds, redirects, at the same time."""

    request_bytes: int = 4 << 20
    response_bytes: int = 4 << 20
    url_bytes: int = 8 << 10
    headers: int = 64
    header_bytes: int = 16 << 10
    seconds: float = 30.0
    redirects: int = 5
    parallel: int = 64
    parallel_of_service: int = 16


class HttpHeader(msgspec.Struct):
    """One line of a head."""

    name: str
    value: str


class HttpRequest(msgspec.Struct):
    """What the guest asks; `timeout_ms` 0: as long as there is time."""

    method: str
    url: str
    headers: list[HttpHeader] = []
    body: bytes = b""
    timeout_ms: int = 0
    redirects: int = 0


class _Refused(Exception):
    """The request may not be made, or its answer not be handed on."""


class HttpGate:
    """The peer's way out for all guests: one client, so many requests at a time."""

    def __init__(self, trusted: tuple[str, ...] = (), limits: HttpLimits | None = None) -> None:
        """`trusted` are URLs of hosts that may be reached although their address is private."""
        self.limits = limits or HttpLimits()
        self._outbound = Outbound(False, trusted)
        # A cookie of one app must not be sent for another.
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self.client = create_async_client(self._outbound, cookies=jar, headers={}, timeout=None)
        self.slots = asyncio.Semaphore(self.limits.parallel)

    async def close(self) -> None:
        """Drop all connections."""
        await self.client.aclose()
        self._outbound.close()


class HttpEffect:
    """Outbound HTTP of one service."""

    def __init__(self, gate: HttpGate, hosts: tuple[str, ...]) -> None:
        """`hosts` are lower-case names, with `:port` where it is not the scheme's."""
        self._gate = gate
        self._hosts = frozenset(hosts)
        self._slots = asyncio.Semaphore(gate.limits.parallel_of_service)

    async def request(self, request: HttpRequest, ends_at: float) -> dict[str, Any]:
        """Return the answer as the guest's record; what goes wrong is its `error`.

        Raises TimeoutError at `ends_at`, the loop's time.
        """
        limits, now = self._gate.limits, asyncio.get_running_loop().time()
        wanted = request.timeout_ms / 1_000 if request.timeout_ms > 0 else limits.seconds
        own_end = now + min(wanted, limits.seconds)
        try:
            async with asyncio.timeout_at(min(own_end, ends_at)):
                async with self._slots, self._gate.slots:
                    return await self._follow(request)
        except TimeoutError:
            if own_end > ends_at:
                raise
            return _fail("no answer in time")
        except _Refused as refused:
            return _fail(str(refused))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _fail(str(error) or type(error).__name__)

    async def _follow(self, request: HttpRequest) -> dict[str, Any]:
        limits = self._gate.limits
        url = self._check_url(request.url)
        method, body = _check_method(request.method), request.body
        headers = _check_headers(request.headers, limits)
        if len(body) > limits.request_bytes:
            raise _Refused(f"the body has {len(body)} bytes, {limits.request_bytes} are allowed")
        left = min(request.redirects, limits.redirects)
        while True:
            response = await self._send(method, url, headers, body)
            try:
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or not location or left <= 0:
                    return await self._read(response)
            finally:
                await response.aclose()
            left -= 1
            target = self._check_url(str(url.join(location)))
            if (target.scheme, target.netloc) != (url.scheme, url.netloc):
                headers = [pair for pair in headers if pair[0] not in SECRETS]
            url = target
            if response.status_code in AS_GET and method not in ("GET", "HEAD"):
                method, body = "GET", b""

    async def _send(
        self, method: str, url: httpx.URL, headers: list[tuple[str, str]], body: bytes
    ) -> httpx.Response:
        given = {name for name, _ in headers}
        usual = [(name, value) for name, value in HEADERS.items() if name not in given]
        client = self._gate.client
        request = httpx.Request(
            method,
            url,
            headers=[*usual, *headers],
            content=body or None,
            extensions={"timeout": {}},
        )
        return await client.send(request, stream=True)

    async def _read(self, response: httpx.Response) -> dict[str, Any]:
        limit, body = self._gate.limits.response_bytes, bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                raise _Refused(f"the answer has more than {limit} bytes")
        return {
            "error": "",
            "status": response.status_code,
            "url": str(response.url),
            "headers": [
                {"name": name.decode("latin-1").lower(), "value": value.decode("latin-1")}
                for name, value in response.headers.raw
            ],
            "body": bytes(body),
        }

    def _check_url(self, text: str) -> httpx.URL:
        if len(text.encode(errors="replace")) > self._gate.limits.url_bytes:
            raise _Refused("the URL is too long")
        url = httpx.URL(text)
        if url.scheme not in PORTS:
            raise _Refused(f"{text[:100]!r} is no http or https URL")
        if url.userinfo:
            raise _Refused("a URL with a name and password is not sent; use a header")
        host = url.raw_host.decode("ascii")
        name = host if url.port is None else f"{host}:{url.port}"
        # httpx leaves out the scheme's own port, which the manifest may still name.
        if name not in self._hosts and f"{host}:{url.port or PORTS[url.scheme]}" not in self._hosts:
            raise _Refused(f"the app does not name the host {name!r} in effectors.http.hosts")
        return url


def _check_method(method: str) -> str:
    if not METHOD.fullmatch(method) or method in REFUSED_METHODS:
        raise _Refused(f"the method {method[:20]!r} is not sent")
    return method


def _check_headers(headers: list[HttpHeader], limits: HttpLimits) -> list[tuple[str, str]]:
    checked = []
    for header in headers:
        name = header.name.lower()
        if name in OWN_HEADERS:
            raise _Refused(f"the header {name!r} is the peer's own")
        if not header.value.isascii():
            raise _Refused(f"the header {name[:60]!r} has a value that is not ASCII")
        checked.append((name, header.value))
    size = sum(len(name) + len(value) for name, value in checked)
    if len(checked) > limits.headers or size > limits.header_bytes:
        raise _Refused("too many headers")
    return checked


def _fail(error: str) -> dict[str, Any]:
    return {"error": error, "status": 0, "url": "", "headers": [], "body": b""}
