"""Keep files for peers that the policy names, and give them to anybody: receipts are public."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from peer.copies.kept import KeptCopies
from peer.copies.store import NAME
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import Forbidden, InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.content_digest import HEADER, parse_content_digest
from wasmarket.kernel.signing.requests import parse_authorization
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SIGNED, Authenticator, authorization_of
from wasmarket.serving.bodies import allow_body
from wasmarket.serving.http1.head import find_single
from wasmarket.serving.texts import AddressText

MOST_FILES = 1_000
CopyName = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "pattern": NAME, "examples": ["receipts/7/0000000042.receipts"]}
    ),
]
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODY = {"requestBody": {"required": True, "content": _BYTES}}


class KeptFileView(BaseModel):
    """A file and its size."""

    name: str
    bytes: int


class KeptFiles(BaseModel):
    """Files in the order of their names; `next`: the name to go on after, null at the end."""

    items: list[KeptFileView]
    next: str | None


class KeptNow(BaseModel):
    """A file that is safe on the disk here."""

    name: str
    bytes: int


def create_copy_router(kept: KeptCopies, authenticator: Authenticator) -> APIRouter:
    """Return the routes under which other peers keep copies here."""
    router = APIRouter(prefix="/v1/copies", tags=["copies"])

    @router.get("/{wallet}")
    def list_files(
        wallet: AddressText,
        after: str = "",
        limit: Annotated[int, Query(ge=1, le=MOST_FILES)] = MOST_FILES,
    ) -> KeptFiles:
        """What is kept for a peer's wallet."""
        found = kept.list_files(parse_address(wallet, field="wallet"), after, limit)
        items = [KeptFileView(name=file.name, bytes=file.bytes) for file in found]
        return KeptFiles(items=items, next=items[-1].name if len(items) == limit else None)

    @router.get("/{wallet}/{name:path}", response_class=FileResponse)
    def read_file(wallet: AddressText, name: CopyName) -> FileResponse:
        """One file; whoever has it can answer for that peer."""
        path = kept.find(parse_address(wallet, field="wallet"), name)
        return FileResponse(path, media_type="application/octet-stream")

    @router.put("/{wallet}/{name:path}", status_code=201, openapi_extra=SIGNED | _BODY)
    async def keep_file(wallet: AddressText, name: CopyName, request: Request) -> KeptNow:
        """Keep a file that is not here yet, by a request that the wallet signed.

        It says its length and, in `Content-Digest`, its SHA-256; the policy says for whom.
        """
        owner = _check_owner(wallet, request)
        size = _read_length(request)
        kept.check(owner, size)
        promised = parse_content_digest(_header(request, HEADER))
        await run_in_threadpool(authenticator.check_hash, request, promised)
        allow_body(request.scope, size)
        await kept.take(owner, name, size, promised, request.stream())
        return KeptNow(name=name, bytes=size)

    @router.delete("/{wallet}/{name:path}", status_code=204, openapi_extra=SIGNED)
    def remove_file(wallet: AddressText, name: CopyName, request: Request) -> None:
        """Remove a file, by a request that the wallet signed."""
        owner = _check_owner(wallet, request)
        kept.check(owner)
        authenticator.check_hash(request, sha256(b""))
        kept.remove(owner, name)

    return router


def _check_owner(wallet: str, request: Request) -> Address:
    """Return whose file it is. Raises Forbidden for anybody else, before more is looked at."""
    owner = parse_address(wallet, field="wallet")
    signer = parse_authorization(authorization_of(request)).address
    if signer != owner:
        raise Forbidden(f"{signer} signed, the copies are of {owner}", field="Authorization")
    return owner


def _read_length(request: Request) -> int:
    given = _header(request, "Content-Length") or ""
    if not (given.isascii() and given.isdigit() and len(given) <= 15) or int(given) == 0:
        raise InvalidInput(
            "the request does not say how long its body is",
            field="Content-Length",
            remedy="send the file with its length; empty ones are not kept",
        )
    return int(given)


def _header(request: Request, name: str) -> str | None:
    found = find_single(request.scope["headers"], name.lower().encode("ascii"))
    return None if found is None else found.decode("latin-1")
