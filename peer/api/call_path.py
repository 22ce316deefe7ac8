"""Answer calls in front of the framework: the one hot route, without its cost per request.

Everything that is not plainly a call (another method or path, a number out of range, an escaped
path) goes on to the framework, which has the same route for its OpenAPI page.
"""

import logging
import re
import secrets
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Counter
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel.errors import MarketError, TooLarge
from peer.access import check_key, check_signer
from peer.hosting.host import Host
from peer.hosting.hosted_deal import HostedDeal
from peer.hosting.run import CallRequest, Recorded
from peer.receipts.book import ReceiptBook
from peer.runtime.errors import CallRefused, GuestFault, GuestTimeout, InputTooLarge
from peer.runtime.service import BodyKind
from serving.auth import Authenticator
from serving.problems import MEDIA_TYPE, Problem, status_of
from serving.service import REQUEST_ID

logger = logging.getLogger("wasmarket.access")

RAW_TYPE: Final = b"application/octet-stream"
JSON_TYPE: Final = b"application/json"
RECEIPT_PREFERENCE: Final = b"receipt"
STATUS: Final[tuple[tuple[type[GuestFault], HTTPStatus], ...]] = (
    (InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (CallRefused, HTTPStatus.BAD_REQUEST),
    (GuestTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (GuestFault, HTTPStatus.BAD_GATEWAY),
)
_PATH: Final = re.compile(r"/v1/deals/([1-9][0-9]{0,8})/([^/%]+)/([^/%]+)")
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ID_HEADER: Final = REQUEST_ID.lower().encode()

Headers = list[tuple[bytes, bytes]]


class Disconnected(Exception):
    """The caller went away before the whole body was here."""


class CallPath:
    """ASGI middleware: calls end here, everything else goes on."""

    def __init__(self, app: ASGIApp, *, calls: "Calls", requests: Counter, service: str) -> None:
        """`requests` counts answers by the labels service and status."""
        self._app = app
        self._calls = calls
        self._requests = requests
        self._service = service
        self._answered = requests.labels(service, "200")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        match = _PATH.fullmatch(scope["path"])
        if match is None or b"%" in scope["raw_path"]:
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"])
        request_id = given.get(_ID_HEADER, b"")
        if _ID.fullmatch(request_id) is None:
            request_id = secrets.token_hex(8).encode()
        headers: Headers = [(_ID_HEADER, request_id)]
        deal, service, function = match.groups()
        try:
            status, body = await self._calls.answer(
                int(deal), service, function, given, headers, scope, receive
            )
        except Disconnected:
            return
        except MarketError as error:
            status, body = _render(error, status_of(error), headers)
            if status == HTTPStatus.UNAUTHORIZED:
                headers.append((b"www-authenticate", b"Wasmarket"))
        except Exception as error:
            # NOTE: a bug of ours: the caller gets a problem document, the log the rest.
            logger.error(
                "unhandled error", exc_info=error, extra={"request_id": request_id.decode()}
            )
            bug = MarketError(
                "the service failed unexpectedly", remedy="report it with the request id"
            )
            status, body = _render(bug, HTTPStatus.INTERNAL_SERVER_ERROR, headers)
        if status == HTTPStatus.OK:
            self._answered.inc()
        else:
            self._requests.labels(self._service, str(int(status))).inc()
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Calls:
    """Check, run and record calls, whoever has read the request."""

    def __init__(self, host: Host, book: ReceiptBook, authenticator: Authenticator) -> None:
        self._host = host
        self._book = book
        self._authenticator = authenticator

    async def answer(
        self,
        deal: int,
        service: str,
        function: str,
        given: dict[bytes, bytes],
        headers: Headers,
        scope: Scope,
        receive: Receive,
    ) -> tuple[HTTPStatus, bytes]:
        """Return status and body, and add to `headers`, which begin with the request id.

        `given` are the request's headers. Raises what kept the call from a worker, Disconnected.
        """
        hosted = self._host.find(deal)
        run = hosted.pick()
        limit = run.workers.version.manifest.limits.input_bytes
        body = await _read_body(given.get(b"content-length", b""), receive, limit)
        caller = ""
        if hosted.access.current.mode != "public":
            caller = self._check_access(hosted, scope, given, body)
        kind = _kind_of(given.get(b"content-type", b""))
        parameters = {
            # The address that signed the call, empty where nobody did.
            "init_peer_id": caller,
            "service_id": service,
            "service_creator_peer_id": hosted.deal.developer,
            "host_id": str(self._book.peer),
            "worker_id": str(run.assignment),
            "particle_id": headers[0][1].decode(),
        }
        request = CallRequest(service, function, body, kind, self._host.now(), parameters)
        recorded = await hosted.call(request)
        self._add_headers(headers, recorded)
        prefer = given.get(b"prefer")
        if prefer is not None and _wants_receipt(prefer):
            signed = await run_in_threadpool(self._book.sign, recorded.chain, recorded.head)
            headers.append((b"wasmarket-head", signed.to_header().encode()))
            headers.append((b"preference-applied", RECEIPT_PREFERENCE))
        fault = recorded.fault
        if fault is not None:
            status = next(status for kind, status in STATUS if isinstance(fault, kind))
            return _render(fault, status, headers)
        headers.append((b"content-type", RAW_TYPE if kind is BodyKind.RAW else JSON_TYPE))
        return HTTPStatus.OK, recorded.output

    def _check_access(
        self, hosted: HostedDeal, scope: Scope, given: dict[bytes, bytes], body: bytes
    ) -> str:
        """Return the signer's address, empty for a key. Raises as the access document says."""
        access = hosted.access.current
        if access.mode == "signers":
            signer = self._authenticator.check(Request(scope), body)
            check_signer(access, signer)
            return signer
        authorization = given.get(b"authorization")
        check_key(access, None if authorization is None else authorization.decode("latin-1"))
        return ""

    def _add_headers(self, headers: Headers, recorded: Recorded) -> None:
        head = recorded.head
        receipt = f"{recorded.chain.assignment}:{head.sequence}:{head.hash.hex()}"
        headers.append((b"wasmarket-peer", b"%d" % self._book.peer))
        headers.append((b"wasmarket-receipt", receipt.encode()))
        headers.append((b"wasmarket-fuel", b"%d" % recorded.fuel))


async def _read_body(declared: bytes, receive: Receive, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes. Raises TooLarge before reading further."""
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    first: bytes = message.get("body", b"")
    if len(first) > limit:
        raise _too_large(limit)
    if not message.get("more_body", False):
        return first
    chunks = bytearray(first)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks += message.get("body", b"")
        if len(chunks) > limit:
            raise _too_large(limit)
    return bytes(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes", remedy="send less at once")


def _kind_of(content_type: bytes) -> BodyKind:
    if content_type == RAW_TYPE:
        return BodyKind.RAW
    given = content_type.partition(b";")[0].strip().lower()
    return BodyKind.RAW if given == RAW_TYPE else BodyKind.JSON


def _wants_receipt(prefer: bytes) -> bool:
    parts = prefer.lower().split(b",")
    return RECEIPT_PREFERENCE in (part.strip() for part in parts)


def _render(error: MarketError, status: HTTPStatus, headers: Headers) -> tuple[HTTPStatus, bytes]:
    """Return status and problem document of an error; `headers` begins with the request id."""
    problem = Problem(
        type=f"urn:wasmarket:{error.slug}",
        title=error.title(),
        status=status,
        detail=error.detail,
        field=error.field,
        remedy=error.remedy,
        request_id=headers[0][1].decode(),
    )
    headers.append((b"content-type", MEDIA_TYPE.encode()))
    return status, msgspec.json.encode(problem.model_dump(exclude_none=True))
