"""Take in the bodies of uploads: signed before they are read, bounded while they are held."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from wasmarket.content.ledger import UploadLedger
from wasmarket.kernel.errors import BadContent, LimitReached, TooLarge
from wasmarket.kernel.signing.content_digest import HEADER, parse_content_digest
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import MAX_SIGNED_BODY
from wasmarket.serving.bodies import allow_body, read_body
from wasmarket.serving.http1.head import find_single

Authorize = Callable[[Request, bytes], Address]
"""Returns who signed a request whose body has this SHA-256; raises Unauthorized and the like."""


class UploadIntake:
    """Reads the bodies of uploads. For one event loop.

    What is held of all bodies together is at most twice the largest upload; one signer, and all
    who pay for nothing together, hold at most one of that size, so that payers always get in.
    """

    def __init__(
        self,
        authorize: Authorize,
        ledger: UploadLedger,
        max_bytes: int,
        check_head: Callable[[Request], None] = lambda _: None,
    ) -> None:
        """`check_head` raises for requests that no body could make right."""
        self._authorize = authorize
        self._check_head = check_head
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._held: Counter[Address] = Counter()

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[tuple[Address, bytes]]:
        """Give the signer and the body of an upload, which counts as held until the end.

        Raises Unauthorized and the like, TooLarge, LimitReached, BadContent, InvalidInput.
        """
        self._check_head(request)
        declared = _declared(request)
        if declared is not None and declared > self._max_bytes:
            raise self._too_large()
        if declared is None or declared <= MAX_SIGNED_BODY:
            body = await read_body(request, MAX_SIGNED_BODY)
            yield await self._check(request, sha256(body).digest()), body
            return
        promised = parse_content_digest(_header(request, HEADER))
        signer = await self._check(request, promised)
        await run_in_threadpool(self._ledger.check_room, signer, declared)
        self._reserve(signer, declared)
        try:
            yield signer, await self._read(request, declared, promised)
        finally:
            self._held[signer] -= declared
            if not self._held[signer]:
                del self._held[signer]

    async def _check(self, request: Request, body_sha256: bytes) -> Address:
        # Recovering a signer is arithmetic, and nonces are in files: off the event loop.
        return await run_in_threadpool(self._authorize, request, body_sha256)

    async def _read(self, request: Request, declared: int, promised: bytes) -> bytes:
        allow_body(request.scope, declared)
        body, hashed = bytearray(), sha256()
        async for chunk in request.stream():
            body += chunk
            hashed.update(chunk)
        if hashed.digest() != promised:
            raise BadContent(
                f"the body is not the one that {HEADER} promises",
                field=HEADER,
                remedy="send it again",
            )
        return bytes(body)

    def _reserve(self, signer: Address, size: int) -> None:
        pays = self._ledger.pays
        strangers = sum(held for held_by, held in self._held.items() if not pays(held_by))
        is_full = (
            sum(self._held.values()) + size > 2 * self._max_bytes
            or self._held[signer] + size > self._max_bytes
            or (not pays(signer) and strangers + size > self._max_bytes)
        )
        if is_full:
            raise LimitReached(
                "too many uploads are under way", remedy="wait until one of yours has ended"
            )
        self._held[signer] += size

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"the body is larger than {self._max_bytes} bytes", remedy="send several uploads"
        )


def _declared(request: Request) -> int | None:
    """Return the length that a request says its body has; None if it says none."""
    given = _header(request, "Content-Length") or ""
    return int(given[:20]) if given.isascii() and given.isdigit() else None


def _header(request: Request, name: str) -> str | None:
    found = find_single(request.scope["headers"], name.lower().encode("ascii"))
    return None if found is None else found.decode("latin-1")
