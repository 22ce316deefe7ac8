"""Authenticate signed requests (DESIGN 8.2) and make each nonce count once."""

import heapq
import threading
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from wasmarket.kernel.errors import Conflict, Forbidden
from wasmarket.kernel.signing.requests import (
    Credentials,
    authenticate,
    authenticate_hash,
    check_lifetime,
    parse_authorization,
)
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address, Hash
from wasmarket.serving.bodies import read_body
from wasmarket.serving.http1.head import find_single

MAX_SIGNED_BODY = 64 * 1024
"""Bytes of a signed request's body, where the route names no other limit."""

PEER_PARAMETER = "peer"
"""A nonce counts once at each peer. A request with this in its signed query counts at one only."""

SITE_HEADER = b"wasmarket-site"
"""On calls that gateways make of requests to sites: the body is an HTTP message."""

SIGNED: dict[str, Any] = {"security": [{"SignedRequest": []}]}
"""For a route's `openapi_extra`: it takes only signed requests."""

SCHEME: dict[str, Any] = {
    "SignedRequest": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Wasmarket <address>:<expires>:<nonce>:<signature>`, the EIP-712 signature"
        " of Request(method, target, sha-256 of the body, expires, nonce)",
    }
}


def target_of(request: Request) -> str:
    """Return path and query as they were sent, because signatures cover them."""
    path: str = request.scope["raw_path"].decode("ascii")
    return path + (f"?{request.url.query}" if request.url.query else "")


def authorization_of(request: Request) -> str | None:
    """Return the Authorization header. Raises InvalidInput if there are several."""
    found = find_single(request.scope["headers"], b"authorization")
    return None if found is None else found.decode("latin-1")


class NonceBook(Protocol):
    """Makes each nonce count once."""

    def use(self, credentials: Credentials, now: int) -> None:
        """Remember a nonce. Raises Conflict if it was used before."""


def refuse_used() -> NoReturn:
    """Raise Conflict for a nonce that was used before."""
    raise Conflict(
        "this signed request was sent before",
        field="Authorization",
        remedy="sign it again with a fresh nonce",
    )


class Nonces:
    """The nonces seen, until the requests that carried them have expired (chain time).

    Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[tuple[Address, Hash]] = set()
        self._expiry: list[tuple[int, Address, Hash]] = []

    def use(self, credentials: Credentials, now: int) -> None:
        """Remember a nonce. Raises Conflict if it was used before."""
        with self._lock:
            while self._expiry and self._expiry[0][0] < now:
                _, address, nonce = heapq.heappop(self._expiry)
                self._seen.discard((address, nonce))
            key = (credentials.address, credentials.nonce)
            if key in self._seen:
                refuse_used()
            self._seen.add(key)
            heapq.heappush(self._expiry, (credentials.expires, *key))


class Authenticator:
    """Say who signed a request; also usable as a FastAPI dependency."""

    def __init__(
        self,
        domain: Domain,
        now: Callable[[], int],
        max_body: int = MAX_SIGNED_BODY,
        nonces: NonceBook | None = None,
        peer: Callable[[], int] | None = None,
    ) -> None:
        """`now` returns the chain's time; `max_body` is in bytes.

        `nonces` remembers what was used (default: this process, until it ends). `peer` returns the
        number of the peer that asks; requests that name another in their query are refused.
        """
        self._domain = domain
        self._now = now
        self._max_body = max_body
        self._nonces: NonceBook = nonces or Nonces()
        self._peer = peer

    async def __call__(self, request: Request) -> Address:
        """Return the signer of a request.

        Raises Unauthorized, Expired, InvalidSignature, Conflict (nonce used), TooLarge.
        """
        body = await read_body(request, self._max_body)
        # Recovering a signer is arithmetic, and nonces may be in a store: off the event loop.
        return await run_in_threadpool(self.check, request, body)

    def check_head(self, request: Request) -> None:
        """Raise Unauthorized or Expired for a request that no body could make right."""
        check_lifetime(parse_authorization(authorization_of(request)), self._now())

    def check_hash(self, request: Request, body_sha256: bytes) -> Address:
        """Return the signer of a request whose body has this SHA-256, read or not yet.

        Raises as `__call__`.
        """
        self._check_peer(request)
        now = self._now()
        header, target = authorization_of(request), target_of(request)
        credentials = authenticate_hash(
            header, request.method, target, body_sha256, self._domain, now
        )
        self._nonces.use(credentials, now)
        return credentials.address

    def check(
        self, request: Request, body: bytes, permit: Callable[[Address], None] | None = None
    ) -> Address:
        """Return the signer of a request whose body was already read. Raises as `__call__`.

        `permit` raises for a signer who may not ask this; nothing is remembered of those.
        """
        self._check_peer(request)
        header = authorization_of(request)
        return self.check_parts(header, request.method, target_of(request), body, permit)

    def check_parts(
        self,
        header: str | None,
        method: str,
        target: str,
        body: bytes,
        permit: Callable[[Address], None] | None = None,
    ) -> Address:
        """Return the signer of a request by its Authorization header. Raises as `check`."""
        now = self._now()
        credentials = authenticate(header, method, target, body, self._domain, now)
        if permit is not None:
            permit(credentials.address)
        self._nonces.use(credentials, now)
        return credentials.address

    def _check_peer(self, request: Request) -> None:
        """Raise Forbidden for a request that was signed for another peer."""
        meant = request.query_params.get(PEER_PARAMETER)
        if meant is None or self._peer is None:
            return
        own = self._peer()
        if meant != str(own):
            raise Forbidden(
                f"the request is for peer {meant:.20}, this is peer {own}",
                field=PEER_PARAMETER,
                remedy=f"send it to peer {meant:.20}, or sign it for this one",
            )
