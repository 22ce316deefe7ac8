"""Serve the sandbox: a processor's API, its pages, and webhooks to the gateway."""

import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field

from payments.form_bodies import read_form
from payments.processors.protocol import PaymentOrder
from payments.processors.sandbox_client import SIGNATURE_HEADER, SandboxEvent, SandboxSession
from payments.processors.signatures import sign_webhook
from payments.sandbox.book import QueuedEvent, SandboxBook
from payments.sandbox.pages import show_bank_page, show_card_page, show_end_page
from wasmarket.kernel.errors import InvalidInput, Refused, Unauthorized
from wasmarket.serving.callers.api_keys import read_key
from wasmarket.serving.daemon import Loops, Pace, ThreadLoop
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket.serving.server import bind, serve, url_of
from wasmarket.serving.service import Readiness, ServiceInfo, ServiceStatus, create_service
from wasmarket.store.enums import DisputeState

logger = logging.getLogger(__name__)

NAME = "sandbox"
SessionId = Annotated[str, PathParameter(pattern="^sb_[0-9a-f]{24}$")]
MethodId = Annotated[str, PathParameter(pattern="^pm_[0-9a-f]{24}$")]
POLL_SECONDS = 0.5
WEBHOOK_SECONDS = 10.0


class OrderIn(BaseModel):
    """What a shop wants to be paid; `amount` in minor units."""

    model_config = ConfigDict(extra="forbid")

    checkout: str = Field(min_length=1, max_length=64)
    currency: str = Field(pattern="^[a-z]{3}$")
    amount: int = Field(ge=1, le=2**53, strict=True)
    title: str = Field(max_length=200)
    done_url: str = Field(pattern="^https?://", max_length=500)
    back_url: str = Field(pattern="^https?://", max_length=500)
    saves_card: bool = False


class SavedChargeIn(BaseModel):
    """An order that a saved card is charged for."""

    order: OrderIn
    method: str = Field(pattern="^pm_[0-9a-f]{24}$")


class RefundIn(BaseModel):
    """What goes back to a card, once per key."""

    session: str = Field(max_length=64)
    amount: int = Field(ge=1, le=2**53, strict=True)
    key: str = Field(min_length=1, max_length=64)


class DisputeIn(BaseModel):
    """What the buyer's bank says."""

    state: DisputeState


class WebhookSender:
    """Sends due events, signed, to one URL; those that are not taken again later."""

    def __init__(
        self, book: SandboxBook, http: httpx.Client, url: str, secret: str, now: Callable[[], int]
    ) -> None:
        self._book = book
        self._http = http
        self._url = url
        self._secret = secret
        self._now = now

    def step(self) -> None:
        """Send what is due."""
        for event in self._book.take_due():
            self._book.note_sent(event, is_taken=self._send(event))

    def _send(self, event: QueuedEvent) -> bool:
        body = msgspec.json.encode(SandboxEvent(event.id, event.kind, event.session))
        headers = {
            SIGNATURE_HEADER: sign_webhook(body, self._secret, self._now()),
            "Content-Type": "application/json",
        }
        try:
            answer = self._http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            logger.info("a webhook was not taken", extra={"kind": event.kind, "why": str(error)})
            return False
        return answer.is_success


def create_sandbox(
    book: SandboxBook, key: str, version: str, loops: Loops, page_base: str
) -> FastAPI:
    """Return the sandbox's service; `key` is what shops must know, `page_base` its own URL."""
    registry = CollectorRegistry()
    registry.register(loops)

    def readiness() -> Readiness:
        why = "; ".join(loops.problems())
        return Readiness(not why, why)

    app = create_service(
        ServiceInfo(NAME, version),
        status=lambda: ServiceStatus(0, {}, None, None, None, {"pages": page_base}),
        readiness=readiness,
        registry=registry,
    )
    app.include_router(_api_routes(book, key))
    app.include_router(_page_routes(book))
    return app


def _api_routes(book: SandboxBook, key: str) -> APIRouter:
    def check_key(request: Request) -> None:
        given = read_key(request.headers.get("authorization")) or ""
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise Unauthorized("this is not the sandbox's key", remedy="send it as a Bearer token")

    router = APIRouter(tags=["shops"], dependencies=[Depends(check_key)])

    @router.post("/v1/sessions", status_code=201)
    def open_session(body: OrderIn) -> dict[str, Any]:
        """A page to pay an order on; the same one for the same checkout."""
        return _plain(book.open(PaymentOrder(**body.model_dump())))

    @router.get("/v1/sessions/{session}")
    def read_session(session: SessionId) -> dict[str, Any]:
        """What a session has come to."""
        return _plain(book.find(session).session)

    @router.post("/v1/sessions/{session}/end")
    def end_session(session: SessionId) -> dict[str, Any]:
        """Let a session be paid no more."""
        return _plain(book.end(session))

    @router.post("/v1/charges", status_code=201)
    def open_charge(body: SavedChargeIn) -> dict[str, Any]:
        """A session that charges a saved card once it is confirmed."""
        order = PaymentOrder(**body.order.model_dump())
        return _plain(book.open_charge(order, body.method))

    @router.post("/v1/sessions/{session}/confirm")
    def confirm_charge(session: SessionId) -> dict[str, Any]:
        """Charge the saved card of a session, once."""
        return _plain(book.confirm(session))

    @router.delete("/v1/methods/{method}", status_code=204)
    def forget_card(method: MethodId) -> None:
        """Let a saved card be charged no more."""
        book.forget(method)

    @router.post("/v1/sessions/{session}/dispute")
    def dispute(session: SessionId, body: DisputeIn) -> dict[str, Any]:
        """Have the buyer's bank take a payment back, or decide."""
        return _plain(book.dispute(session, body.state))

    @router.post("/v1/refunds", status_code=201)
    def refund(body: RefundIn) -> dict[str, Any]:
        """Send money back to the card."""
        return _plain(book.refund(body.session, body.amount, body.key))

    return router


def _page_routes(book: SandboxBook) -> APIRouter:
    router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)

    @router.get("/pay/{session}")
    def show_page(session: SessionId) -> HTMLResponse:
        """The page that asks for a card."""
        return show_card_page(book.find(session))

    @router.post("/pay/{session}")
    async def pay(
        session: SessionId, form: Annotated[dict[str, str], Depends(read_form)]
    ) -> HTMLResponse:
        """Pay by the card that was typed."""
        return await run_in_threadpool(_pay, book, session, form.get("number", ""))

    @router.post("/pay/{session}/bank")
    async def answer_bank(
        session: SessionId, form: Annotated[dict[str, str], Depends(read_form)]
    ) -> HTMLResponse:
        """Answer the bank's question."""
        if form.get("answer") != "approve":
            return show_card_page(book.find(session), "Your bank did not approve.")
        return await run_in_threadpool(
            _pay, book, session, form.get("number", ""), is_approved=True
        )

    return router


def _pay(
    book: SandboxBook, session: str, number: str, *, is_approved: bool = False
) -> HTMLResponse:
    try:
        card = book.pay(session, number, is_approved=is_approved)
    except (Refused, InvalidInput) as error:
        return show_card_page(book.find(session), error.detail)
    if card.asks and not is_approved:
        return show_bank_page(book.find(session), card)
    return show_end_page(book.find(session))


def run_sandbox(
    *,
    host: str,
    port: int,
    file: Path,
    key: str,
    secret: str,
    webhook_url: str,
    version: str,
    on_ready: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the URL. Raises PortInUse, ConfigError."""
    listener = bind(host, port)
    base = url_of(listener)

    def now() -> int:
        return int(time.time())

    book = SandboxBook(file, now=now, page_url=lambda session: f"{base}/pay/{session}")
    try:
        with create_http_client(timeout=WEBHOOK_SECONDS) as http:
            sender = WebhookSender(book, http, webhook_url, secret, now)
            sending = ThreadLoop("webhooks", sender.step, Pace(POLL_SECONDS))
            book.on_event = sending.wake
            loops = Loops(sending)
            app = create_sandbox(book, key, version, loops, base)
            loops.start()
            try:
                serve(app, listener, on_ready)
            finally:
                loops.stop(WEBHOOK_SECONDS)
    finally:
        book.close()
        listener.close()


def _plain(session: SandboxSession) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(session)
    return plain
