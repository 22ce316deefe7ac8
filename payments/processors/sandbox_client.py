"""The processor of cards that are none: our sandbox, asked over HTTP."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from payments.processors.protocol import (
    Payment,
    PaymentOrder,
    PaymentPage,
    SavedMethod,
    SessionState,
    WebhookEvent,
)
from payments.processors.signatures import check_webhook
from wasmarket.kernel.errors import (
    BrokenOff,
    InvalidInput,
    MarketError,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)
from wasmarket.store.enums import DisputeState

SIGNATURE_HEADER = "sandbox-signature"
DEFAULT_URL = "http://127.0.0.1:8605"


class SandboxSession(msgspec.Struct, frozen=True):
    """A session as the sandbox writes it."""

    id: str
    url: str
    checkout: str
    currency: str
    amount: int
    state: SessionState
    began_at: int
    payment: str | None = None
    paid_at: int | None = None
    card: str | None = None
    last_digits: str | None = None
    fee: int = 0
    refunded: int = 0
    dispute: DisputeState = DisputeState.NONE
    disputed: int = 0
    failure: str | None = None
    customer: str | None = None
    method: str | None = None


class SandboxEvent(msgspec.Struct, frozen=True):
    """An event as the sandbox sends it."""

    id: str
    kind: str
    session: str


class SandboxProcessor:
    """Speaks to a sandbox at a URL with its key."""

    name = "sandbox"

    def __init__(self, http: httpx.Client, url: str, key: str, secrets: tuple[str, ...]) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._key = key
        self._secrets = secrets

    def open_session(self, order: PaymentOrder) -> PaymentPage:
        """Return a page to pay on. Raises Unreachable, TimedOut, Refused."""
        found = self._session("POST", "/v1/sessions", msgspec.to_builtins(order))
        return PaymentPage(found.id, found.url, found.began_at)

    def fetch_payment(self, session: str) -> Payment:
        """Return what a session has come to. Raises Unreachable, TimedOut, NotFound."""
        found = self._session("GET", f"/v1/sessions/{session}")
        return Payment(
            session=found.id,
            checkout=found.checkout,
            state=found.state,
            currency=found.currency,
            amount=found.amount,
            payment=found.payment,
            paid_at=found.paid_at,
            card=found.card,
            last_digits=found.last_digits,
            fee=found.fee,
            refunded=found.refunded,
            dispute=found.dispute,
            disputed=found.disputed,
            failure=found.failure,
            saved=(
                SavedMethod(found.customer, found.method)
                if found.customer and found.method
                else None
            ),
        )

    def open_charge(self, order: PaymentOrder, saved: SavedMethod) -> PaymentPage:
        """Return a session of a saved card. Raises Unreachable, TimedOut, Refused."""
        body = {"order": msgspec.to_builtins(order), "method": saved.method}
        found = self._session("POST", "/v1/charges", body)
        return PaymentPage(found.id, "", found.began_at)

    def confirm_charge(self, session: str) -> None:
        """Charge the saved card of a session."""
        self._send("POST", f"/v1/sessions/{session}/confirm")

    def forget_card(self, saved: SavedMethod) -> None:
        """Let a card be charged no more."""
        self._send("DELETE", f"/v1/methods/{saved.method}")

    def end_session(self, session: str) -> None:
        """Let a session be paid no more."""
        self._send("POST", f"/v1/sessions/{session}/end")

    def refund(self, payment: Payment, amount: int, key: str) -> None:
        """Send money back to the card, once per key. Raises Refused."""
        body = {"session": payment.session, "amount": amount, "key": key}
        self._send("POST", "/v1/refunds", body)

    def read_webhook(self, body: bytes, headers: Mapping[str, str], now: int) -> WebhookEvent:
        """Check and read an event. Raises InvalidSignature, Expired, InvalidInput."""
        check_webhook(body, headers.get(SIGNATURE_HEADER), self._secrets, now)
        try:
            event = msgspec.json.decode(body, type=SandboxEvent)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidInput("the webhook is no event of the sandbox") from error
        return WebhookEvent(event.id, event.kind, event.session, None)

    def _session(self, method: str, path: str, body: Any = None) -> SandboxSession:
        answer = self._send(method, path, body)
        try:
            return msgspec.json.decode(answer, type=SandboxSession)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BrokenOff(f"the sandbox answered nonsense: {error}") from error

    def _send(self, method: str, path: str, body: Any = None) -> bytes:
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            answer = self._http.request(method, self._url + path, json=body, headers=headers)
        except httpx.TimeoutException as error:
            raise TimedOut(f"the sandbox at {self._url} did not answer in time") from error
        except httpx.HTTPError as error:
            raise Unreachable(
                f"the sandbox at {self._url} cannot be reached: {error}",
                remedy="start it: `wasmarket payments sandbox`",
            ) from error
        if answer.is_success:
            return answer.content
        raise _read_problem(answer)


def _read_problem(answer: httpx.Response) -> MarketError:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"it answered {answer.status_code}"
    if answer.status_code == httpx.codes.NOT_FOUND:
        return NotFound(f"the sandbox: {detail}")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unreachable(f"the sandbox: {detail}")
    return Refused(f"the sandbox: {detail}")
