"""What only the deal's developer may see and set: logs, stats, the access document."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from peer.access import (
    ACCESS_SCHEMA,
    MAX_DOCUMENT,
    dump_access,
    parse_access,
)
from peer.api.documents import Document, view_document
from peer.api.numbers import DealNumber
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from peer.receipts.heads import ReceiptsBehind
from peer.receipts.receipt_log import ReceiptLog
from peer.service_log import LogLine
from wasmarket.kernel.documents.json_text import read_json
from wasmarket.kernel.errors import Forbidden, LimitReached
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import (
    MAX_SIGNED_BODY,
    SIGNED,
    Authenticator,
    authorization_of,
    target_of,
)
from wasmarket.serving.bodies import read_body

NDJSON = "application/x-ndjson"
LOG_LINES: dict[int | str, dict[str, Any]] = {
    200: {"description": "One JSON object a line", "content": {NDJSON: {}}}
}
ACCESS_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": ACCESS_SCHEMA}}}
}


class AccessView(BaseModel):
    """A deal's access document."""

    version: int
    mode: str
    signers: list[str]
    key_hashes: list[str]
    peers: list[str] = []


class SecretsView(BaseModel):
    """The list of a deal's secrets, as its developer signed it; `missing` are those that nobody has
    sealed to this peer."""

    version: int
    document: Document | None
    missing: list[str]


class HeadView(BaseModel):
    """The newest receipt of an assignment; `signature` is the wallet's of it, null before the first
    flush.
    """

    assignment: int
    sequence: int
    hash: str
    signature: str | None


class StatsView(BaseModel):
    """What the calls of a deal did here since the peer started."""

    deal: int
    calls: dict[str, int]
    fuel: int
    duration_us: int
    inflight: int
    workers: int
    restarts: int
    receipts: list[HeadView]


def create_developer_router(
    host: Host, book: ReceiptLog, authenticator: Authenticator
) -> APIRouter:
    """Return the routes that need the developer's signed Request."""
    router = APIRouter(prefix="/v1/deals/{deal}", tags=["developer"])

    def check(hosted: HostedDeal, request: Request, body: bytes) -> None:
        """Raise unless a request is signed by the deal's developer."""
        authenticator.check(request, body, lambda signer: check_developer(hosted, signer))

    async def owned(deal: DealNumber, request: Request) -> HostedDeal:
        hosted = host.find(deal)
        body = await read_body(request, MAX_SIGNED_BODY)
        # Recovering a signer is arithmetic, and nonces lie in a file: off the event loop.
        await run_in_threadpool(check, hosted, request, body)
        return hosted

    Owned = Annotated[HostedDeal, Depends(owned)]

    @router.get(
        "/logs", response_class=StreamingResponse, responses=LOG_LINES, openapi_extra=SIGNED
    )
    async def read_logs(
        hosted: Owned,
        limit: Annotated[int, Query(ge=0, le=2_000)] = 100,
        follow: bool = False,
    ) -> StreamingResponse:
        """The newest log lines, one JSON object each; with `follow` also all further ones."""
        log = hosted.tally.log
        if not follow:
            text = "".join(_line(line) for line in log.tail(limit))
            return StreamingResponse(iter([text]), media_type=NDJSON)
        if not log.has_room:
            raise LimitReached("too many readers follow this log", remedy="end one of them")
        return StreamingResponse(_stream(log.follow(limit)), media_type=NDJSON)

    @router.get("/stats", openapi_extra=SIGNED)
    async def read_stats(hosted: Owned) -> StatsView:
        """Calls by outcome, fuel, time, workers, and the newest receipts."""
        return _stats(hosted, book)

    @router.get("/access", openapi_extra=SIGNED, response_model_exclude_unset=True)
    async def read_access(hosted: Owned) -> AccessView:
        """Who may call."""
        return AccessView(**dump_access(hosted.access.current))

    @router.get("/secrets", openapi_extra=SIGNED)
    async def read_secrets(hosted: Owned) -> SecretsView:
        """Which secrets there are, never a value."""
        secrets = hosted.secrets
        return SecretsView(
            version=secrets.version,
            document=view_document(secrets.signed),
            missing=secrets.missing,
        )

    @router.put("/access", openapi_extra=SIGNED | ACCESS_BODY, response_model_exclude_unset=True)
    async def replace_access(deal: DealNumber, request: Request) -> AccessView:
        """Say who may call; a document of a higher version replaces the one in force."""
        body = await read_body(request, MAX_DOCUMENT)
        hosted = host.find(deal)
        check(hosted, request, body)
        access = parse_access(read_json(body))
        header = authorization_of(request) or ""
        hosted.access.replace(access, DeveloperDocument(target_of(request), body.decode(), header))
        return AccessView(**dump_access(hosted.access.current))

    return router


def check_developer(hosted: HostedDeal, signer: Address) -> None:
    """Raise Forbidden unless `signer` is the deal's developer."""
    if signer != hosted.deal.developer:
        raise Forbidden(
            f"{signer} is not the developer of deal {hosted.deal.id}",
            field="Authorization",
            remedy="sign with the developer's account",
        )


def _stats(hosted: HostedDeal, book: ReceiptLog) -> StatsView:
    tally, pools = hosted.tally, [run.workers for run in hosted.runs.values()]
    return StatsView(
        deal=hosted.deal.id,
        calls={status.name.lower(): count for status, count in tally.by_status.items()},
        fuel=tally.fuel,
        duration_us=tally.duration_us,
        inflight=sum(workers.inflight for workers in pools),
        workers=sum(len(workers.pool.pids) for workers in pools),
        restarts=sum(workers.pool.restarts for workers in pools),
        receipts=[
            _head(chain.assignment, book)
            for chain in book.chains()
            if chain.deal == hosted.deal.id and chain.head.sequence >= 0
        ],
    )


def _head(assignment: int, book: ReceiptLog) -> HeadView:
    try:
        signed = book.signed_head(assignment)
    except ReceiptsBehind:
        signed = None
    if signed is None:
        head = book.get(assignment).head
        return HeadView(
            assignment=assignment, sequence=head.sequence, hash=head.hash.hex(), signature=None
        )
    return HeadView(
        assignment=assignment,
        sequence=signed.head.sequence,
        hash=signed.head.receipt.hex(),
        signature=signed.signature.to_hex(),
    )


def _line(line: LogLine) -> str:
    return json.dumps(asdict(line)) + "\n"


async def _stream(lines: AsyncIterator[LogLine]) -> AsyncIterator[str]:
    async for line in lines:
        yield _line(line)
