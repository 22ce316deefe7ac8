"""Answer calls in front of the framework: the one hot route, without its cost per request.

`Calls` checks, runs and records a call, whoever has read the request. `CallPath` reads it from
ASGI; `CallProtocol` reads most calls before they get that far.
"""

import itertools
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
# What is not plainly a call (a number out of range, an escaped path) is left to the framework.
CALL_TARGET: Final = re.compile(rb"/v1/deals/([1-9][0-9]{0,8})/([^/%?#]+)/([^/%?#]+)")
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ID_HEADER: Final = REQUEST_ID.lower().encode()
# Ids that we give: what tells this process from others, and a number.
_RUN: Final = secrets.token_hex(4).encode()
_numbers: Final = itertools.count(1)

Headers = list[tuple[bytes, bytes]]
Answered = tuple[int, Headers, bytes]
"""Status, headers and body of a response."""


class Disconnected(Exception):
    """The caller went away before the whole body was here."""


class Calls:
    """Check, run and record calls."""

    def __init__(
        self,
        host: Host,
        book: ReceiptBook,
        authenticator: Authenticator,
        requests: Counter,
        service: str,
    ) -> None:
        """`requests` counts answers by the labels service and status."""
        self._host = host
        self._book = book
        self._authenticator = authenticator
        self._requests = requests
        self._service = service
        self._answered = requests.labels(service, "200")

    def find_limit(self, deal: int) -> int:
        """Return how many bytes the body of a call may have. Raises why the deal is not served."""
        return self._host.find(deal).pick().workers.version.manifest.limits.input_bytes

    async def respond(self, match: re.Match[bytes], scope: Scope, body: bytes) -> Answered:
        """Return the response to a call, whatever became of it; `match` is of its target."""
        given = dict(scope["headers"])
        headers = start_headers(given)
        try:
            deal, service, function = match.groups()
            names = service.decode(), function.decode()
            status, answer = await self.answer(int(deal), *names, scope, given, headers, body)
        except Exception as error:
            status, answer = self.render(error, headers)
        return self.finish(status, headers, answer)

    def refuse(self, error: MarketError, scope: Scope) -> Answered:
        """Return the response to a call that is not even tried."""
        headers = start_headers(dict(scope["headers"]))
        status, answer = self.render(error, headers)
        return self.finish(status, headers, answer)

    async def answer(
        self,
        deal: int,
        service: str,
        function: str,
        scope: Scope,
        given: dict[bytes, bytes],
        headers: Headers,
        body: bytes,
    ) -> tuple[int, bytes]:
        """Return status and body, and add to `headers`, which begin with the request id.

        `given` are the request's headers. Raises what kept the call from a worker.
        """
        hosted = self._host.find(deal)
        run = hosted.pick()
        limit = run.workers.version.manifest.limits.input_bytes
        if len(body) > limit:
            raise too_large(limit)
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
        return 200, recorded.output

    def render(self, error: Exception, headers: Headers) -> tuple[int, bytes]:
        """Return status and problem document of what was raised, and add to `headers`."""
        if isinstance(error, MarketError):
            status = status_of(error)
            if status == HTTPStatus.UNAUTHORIZED:
                headers.append((b"www-authenticate", b"Wasmarket"))
            return _render(error, status, headers)
        # NOTE: a bug of ours: the caller gets a problem document, the log the rest.
        extra = {"request_id": headers[0][1].decode()}
        logger.error("unhandled error", exc_info=error, extra=extra)
        bug = MarketError("the service failed unexpectedly", remedy="report it with the request id")
        return _render(bug, HTTPStatus.INTERNAL_SERVER_ERROR, headers)

    def finish(self, status: int, headers: Headers, body: bytes) -> Answered:
        """Count a response."""
        if status == 200:
            self._answered.inc()
        else:
            self._requests.labels(self._service, str(status)).inc()
        return status, headers, body

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


class CallPath:
    """ASGI middleware: calls end here, everything else goes on."""

    def __init__(self, app: ASGIApp, *, calls: Calls) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        match = CALL_TARGET.fullmatch(scope["raw_path"]) if is_post else None
        if match is None:
            await self._app(scope, receive, send)
            return
        try:
            limit = self._calls.find_limit(int(match[1]))
            body = await read_body(dict(scope["headers"]), receive, limit)
            answered = await self._calls.respond(match, scope, body)
        except MarketError as error:
            answered = self._calls.refuse(error, scope)
        except Disconnected:
            return
        status, headers, answer = answered
        headers.append((b"content-length", b"%d" % len(answer)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def start_headers(given: dict[bytes, bytes]) -> Headers:
    """Return a response's headers so far: the request's id, the caller's own if it is sane."""
    request_id = given.get(_ID_HEADER)
    if request_id is None or _ID.fullmatch(request_id) is None:
        request_id = b"%s%08x" % (_RUN, next(_numbers))
    return [(_ID_HEADER, request_id)]


async def read_body(given: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes. Raises TooLarge before reading further."""
    declared = given.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    first: bytes = message.get("body", b"")
    if len(first) > limit:
        raise too_large(limit)
    if not message.get("more_body", False):
        return first
    chunks = bytearray(first)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks += message.get("body", b"")
        if len(chunks) > limit:
            raise too_large(limit)
    return bytes(chunks)


def too_large(limit: int) -> TooLarge:
    """Return the error of a body above a limit in bytes."""
    return TooLarge(f"the body is larger than {limit} bytes", remedy="send less at once")


def _kind_of(content_type: bytes) -> BodyKind:
    if content_type == RAW_TYPE:
        return BodyKind.RAW
    given = content_type.partition(b";")[0].strip().lower()
    return BodyKind.RAW if given == RAW_TYPE else BodyKind.JSON


def _wants_receipt(prefer: bytes) -> bool:
    parts = prefer.lower().split(b",")
    return RECEIPT_PREFERENCE in (part.strip() for part in parts)


def _render(error: MarketError, status: HTTPStatus, headers: Headers) -> tuple[int, bytes]:
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
    return int(status), msgspec.json.encode(problem.model_dump(exclude_none=True))
