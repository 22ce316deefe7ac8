"""Check, run and record calls, whoever has read the request.

No task, future or coroutine is made for a call on its way: each part is called when its turn comes.
"""

import asyncio
import logging
from binascii import hexlify
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi.concurrency import run_in_threadpool

from peer.api.fastpath.access import check_access
from peer.api.fastpath.counts import CallCounts
from peer.api.fastpath.head import CallHead
from peer.api.vouchers import take_vouchers
from peer.hosting.host import Host
from peer.hosting.served_assignment import CallRequest, Deliver, Recorded
from peer.receipts.receipt_log import ReceiptLog
from peer.runtime.errors import CallRefused, GuestFault, GuestTimeout, InputTooLarge
from peer.vouchers.book import VoucherBook
from wasmarket.kernel.errors import MarketError, TooLarge, Unauthorized
from wasmarket.kernel.signing.heads import dump_head
from wasmarket.serving.auth import Authenticator
from wasmarket.serving.problems import MEDIA_TYPE, Problem, status_of

logger = logging.getLogger("wasmarket.access")

STATUS: Final[tuple[tuple[type[GuestFault], HTTPStatus], ...]] = (
    (InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (CallRefused, HTTPStatus.BAD_REQUEST),
    (GuestTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (GuestFault, HTTPStatus.BAD_GATEWAY),
)
TOO_LARGE_REMEDY: Final = "send less at once, or raise `input_bytes` in the app's limits"
ID_LINE: Final = b"x-request-id: %b\r\n"
RECORDED_LINES: Final = (
    b"x-request-id: %b\r\nwasmarket-peer: %d\r\nwasmarket-receipt: %d:%d:%b\r\n"
    b"wasmarket-fuel: %d\r\n"
)
SIGNED_LINES: Final = b"wasmarket-head: %b\r\npreference-applied: receipt\r\n"
PROBLEM_LINE: Final = b"content-type: %b\r\n" % MEDIA_TYPE.encode()

Answered = tuple[int, bytes, bytes]
"""Status, lines of the head (the request's id comes first) and body of a response."""
Respond = Callable[[Answered], None]


class CallHandler:
    """Checks, runs and records calls. Event loop only."""

    def __init__(
        self,
        host: Host,
        book: ReceiptLog,
        authenticator: Authenticator,
        counts: CallCounts,
        vouchers: VoucherBook,
    ) -> None:
        self._host = host
        self._book = book
        self._authenticator = authenticator
        self._counts = counts
        self._vouchers = vouchers
        self._signing: set[asyncio.Task[None]] = set()

    def find_limit(self, deal: int) -> int:
        """Return how many bytes the body of a call may have. Raises why the deal is not served."""
        return self._host.find(deal).pick().workers.version.manifest.limits.input_bytes

    def begin(self, head: CallHead, request_id: bytes, body: bytes, respond: Respond) -> None:
        """Run a call; `respond` gets the response once, whatever becomes of the call."""
        responder = _Responder(self, head, request_id, respond)
        if head.usage is None:
            responder.begin(body)
        else:
            self.spawn(responder.begin_paid(body))

    async def answer(self, head: CallHead, request_id: bytes, body: bytes) -> Answered:
        """Return the response to a call, whatever becomes of it."""
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()

        def settle(answered: Answered) -> None:
            if not future.done():
                future.set_result(answered)

        self.begin(head, request_id, body, settle)
        return await future

    def submit(self, head: CallHead, request_id: bytes, body: bytes, deliver: Deliver) -> None:
        """Check a call and let it run. Raises what keeps it from a worker."""
        host = self._host
        hosted = host.find(head.deal)
        run = hosted.pick()
        limit = run.workers.version.manifest.limits.input_bytes
        if len(body) > limit:
            raise too_large(limit)
        caller = ""
        if hosted.access.current.mode != "public":
            site = run.workers.version.manifest.site
            caller = check_access(self._authenticator, hosted, site, head, body)
        parameters = {
            # The address that signed the call, empty where nobody did.
            "init_peer_id": caller,
            "service_id": head.service,
            "service_creator_peer_id": hosted.deal.developer,
            "host_id": str(self._book.peer),
            "worker_id": str(run.assignment),
            "particle_id": request_id.decode(),
        }
        request = CallRequest(head.service, head.function, body, head.kind, host.now(), parameters)
        hosted.submit(run, request, deliver)

    def conclude(self, head: CallHead, request_id: bytes, recorded: Recorded) -> Answered:
        """Return the response to a call that ran."""
        receipt, fault = recorded.head, recorded.fault
        lines = RECORDED_LINES % (
            request_id,
            self._book.peer,
            recorded.chain.assignment,
            receipt.sequence,
            hexlify(receipt.hash),
            recorded.fuel,
        )
        if fault is None:
            return 200, lines + head.kind_line, recorded.output
        status = next(status for kind, status in STATUS if isinstance(fault, kind))
        return int(status), lines + PROBLEM_LINE, _describe(fault, status, request_id)

    def render(self, error: Exception, request_id: bytes) -> Answered:
        """Return the response to a call that raised `error`."""
        lines = ID_LINE % request_id
        if isinstance(error, MarketError):
            status = status_of(error)
            if isinstance(error, Unauthorized):
                lines += b"www-authenticate: %b\r\n" % error.scheme.encode()
        else:
            # NOTE: a bug of ours: the caller gets a problem document, the log the rest.
            extra = {"request_id": request_id.decode()}
            logger.error("unhandled error", exc_info=error, extra=extra)
            error = MarketError(
                "the service failed unexpectedly", remedy="report it with the request id"
            )
            status = HTTPStatus.INTERNAL_SERVER_ERROR
        return int(status), lines + PROBLEM_LINE, _describe(error, status, request_id)

    def count(self, answered: Answered) -> Answered:
        """Count a response, where nobody else does."""
        if answered[0] == 200:
            self._counts.answered += 1
        else:
            self._counts.add(answered[0])
        return answered

    async def take_voucher(self, head: CallHead) -> None:
        """Keep the voucher that came with a call. Raises as `take_vouchers`."""
        hosted, line = self._host.find(head.deal), (head.usage or b"").decode("latin-1")
        await run_in_threadpool(take_vouchers, hosted, self._vouchers, [line])

    async def sign(self, recorded: Recorded) -> bytes:
        """Make a receipt durable; return the lines with its chain's head, signed."""
        signed = await run_in_threadpool(self._book.sign, recorded.chain, recorded.head)
        return SIGNED_LINES % dump_head(signed).encode()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what cannot be done at once."""
        task = asyncio.ensure_future(work)
        self._signing.add(task)
        task.add_done_callback(self._signing.discard)


class _Responder:
    """One call on its way; calls `respond` exactly once."""

    __slots__ = ("_calls", "_head", "_request_id", "_respond")

    def __init__(
        self, calls: CallHandler, head: CallHead, request_id: bytes, respond: Respond
    ) -> None:
        self._calls = calls
        self._head = head
        self._request_id = request_id
        self._respond = respond

    def begin(self, body: bytes) -> None:
        """Let the call run."""
        try:
            self._calls.submit(self._head, self._request_id, body, self.end)
        except Exception as error:
            self._refuse(error)

    async def begin_paid(self, body: bytes) -> None:
        """Keep the voucher that came with the call, and let it run."""
        try:
            await self._calls.take_voucher(self._head)
        except Exception as error:
            self._refuse(error)
            return
        self.begin(body)

    def end(self, recorded: Recorded | Exception) -> None:
        """Take how the call ended."""
        calls, head = self._calls, self._head
        if isinstance(recorded, Exception):
            self._refuse(recorded)
        elif head.asks_receipt:
            calls.spawn(self._end_signed(recorded))
        else:
            try:
                answered = calls.conclude(head, self._request_id, recorded)
            except Exception as error:
                # NOTE: others end in the same moment; they must still be answered.
                self._refuse(error)
                return
            self._respond(answered)

    def _refuse(self, error: Exception) -> None:
        self._respond(self._calls.render(error, self._request_id))

    async def _end_signed(self, recorded: Recorded) -> None:
        calls = self._calls
        try:
            signed = await calls.sign(recorded)
        except Exception as error:
            self._refuse(error)
            return
        status, lines, body = calls.conclude(self._head, self._request_id, recorded)
        self._respond((status, lines + signed, body))


def too_large(limit: int) -> TooLarge:
    """Return the error of a body above a limit in bytes."""
    return TooLarge(f"the body is larger than {limit} bytes", remedy=TOO_LARGE_REMEDY)


def _describe(error: MarketError, status: HTTPStatus, request_id: bytes) -> bytes:
    """Return the problem document of an error."""
    problem = Problem(
        type=f"urn:wasmarket:{error.slug}",
        title=error.title(),
        status=status,
        detail=error.detail,
        field=error.field,
        remedy=error.remedy,
        request_id=request_id.decode(),
    )
    return msgspec.json.encode(problem.model_dump(exclude_none=True))
