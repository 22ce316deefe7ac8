"""Call functions: the one hot route. No signature and no ABI encoding per call."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from peer.access import check_key, check_signer
from peer.api.numbers import DealNumber
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from peer.hosting.run import CallRequest, Recorded
from peer.receipts.book import ReceiptBook
from peer.runtime.errors import CallRefused, GuestFault, GuestTimeout, InputTooLarge
from peer.runtime.service import BodyKind
from serving.auth import Authenticator
from serving.bodies import read_body
from serving.problems import MEDIA_TYPE, Problem, request_id_of

RAW_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"
RECEIPT_PREFERENCE = "receipt"
MEDIA_TYPES = {BodyKind.RAW: RAW_TYPE, BodyKind.JSON: JSON_TYPE}
STATUS: tuple[tuple[type[GuestFault], HTTPStatus], ...] = (
    (InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (CallRefused, HTTPStatus.BAD_REQUEST),
    (GuestTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (GuestFault, HTTPStatus.BAD_GATEWAY),
)


def create_call_router(host: Host, book: ReceiptBook, authenticator: Authenticator) -> APIRouter:
    """Return the route that runs functions."""
    router = APIRouter(tags=["calls"])

    @router.post("/v1/deals/{deal}/{service}/{function}", response_class=Response)
    async def call_function(
        request: Request,
        deal: DealNumber,
        service: str,
        function: str,
        prefer: Annotated[str, Header()] = "",
    ) -> Response:
        """Run a function: JSON arguments by position or name, or raw bytes."""
        hosted = host.find(deal)
        body = await read_body(request, hosted.pick().workers.version.manifest.limits.input_bytes)
        _check_access(hosted, authenticator, request, body)
        kind = _kind_of(request)
        parameters = {"service_id": service, "host_id": str(book.peer), "particle_id": str(deal)}
        call = CallRequest(service, function, body, kind, host.now(), parameters)
        recorded = await hosted.call(call)
        headers = _headers(book, recorded)
        if RECEIPT_PREFERENCE in (part.strip() for part in prefer.lower().split(",")):
            signed = await run_in_threadpool(book.sign, recorded.chain, recorded.head)
            headers["Wasmarket-Head"] = signed.to_header()
            headers["Preference-Applied"] = RECEIPT_PREFERENCE
        if recorded.fault is not None:
            return render_fault(recorded.fault, headers, request_id_of(request))
        return Response(recorded.output, headers=headers, media_type=MEDIA_TYPES[kind])

    return router


def render_fault(fault: GuestFault, headers: dict[str, str], request_id: str | None) -> Response:
    """Return the problem document of a call that reached a worker and failed."""
    status = next(status for kind, status in STATUS if isinstance(fault, kind))
    problem = Problem(
        type=f"urn:wasmarket:{fault.slug}",
        title=fault.title(),
        status=status,
        detail=fault.detail,
        field=fault.field,
        remedy=fault.remedy,
        request_id=request_id,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


def _check_access(
    hosted: HostedDeal, authenticator: Authenticator, request: Request, body: bytes
) -> None:
    access = hosted.access.current
    if access.mode == "signers":
        check_signer(access, authenticator.check(request, body))
    elif access.mode == "keys":
        check_key(access, request.headers.get("authorization"))


def _kind_of(request: Request) -> BodyKind:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return BodyKind.RAW if given == RAW_TYPE else BodyKind.JSON


def _headers(book: ReceiptBook, recorded: Recorded) -> dict[str, str]:
    head = recorded.head
    return {
        "Wasmarket-Peer": str(book.peer),
        "Wasmarket-Receipt": f"{recorded.chain.assignment}:{head.sequence}:{head.hash.hex()}",
        "Wasmarket-Fuel": str(recorded.fuel),
    }
