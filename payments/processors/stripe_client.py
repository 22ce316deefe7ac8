"""Stripe by its official library: Checkout Sessions, refunds, disputes, signed webhooks.

Shapes and rules: docs.stripe.com/api/checkout/sessions, /refunds, /disputes, /webhooks.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import stripe
from stripe._base_address import BaseAddresses
from stripe.params.checkout import SessionCreateParams

from payments.processors.protocol import (
    TOLERANCE,
    Payment,
    PaymentOrder,
    PaymentPage,
    SavedMethod,
    SessionState,
    WebhookEvent,
)
from wasmarket.kernel.errors import (
    BrokenOff,
    ConfigError,
    Expired,
    InvalidInput,
    InvalidSignature,
    NotFound,
    Refused,
    Unreachable,
)
from wasmarket.store.enums import DisputeState

SIGNATURE_HEADER = "stripe-signature"
EXPANDED = ["payment_intent.latest_charge.balance_transaction"]
INQUIRIES = ("warning_needs_response", "warning_under_review", "warning_closed", "prevented")
"""States of a dispute in which no money has moved."""
EXPANDED_CHARGE = ["latest_charge.balance_transaction"]
CHARGE_PREFIX = "pi_"
"""Of the id of a Payment Intent."""
ENDED_CHARGES = ("requires_payment_method", "requires_action", "canceled")
DONE_ALREADY = ("charge_already_refunded",)
RETRIES = 2
"""By the library itself, with the same idempotency key."""

Answer = TypeVar("Answer")


class StripeProcessor:
    """One Stripe account, by its secret key."""

    name = "stripe"

    def __init__(self, key: str, secrets: tuple[str, ...], url: str, seconds: float) -> None:
        """`url` replaces the API's address, empty: Stripe's own. Raises ConfigError."""
        if not key or not secrets:
            raise ConfigError(
                "Stripe's secret key or its webhooks' secret is not set",
                field="payments.processor_key",
                remedy="set WASMARKET_PAYMENTS__PROCESSOR_KEY and …__WEBHOOK_SECRETS",
            )
        bases: BaseAddresses = {"api": url.rstrip("/")} if url else {}
        self._client = stripe.StripeClient(
            key,
            base_addresses=bases,
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=seconds),
        )
        self._secrets = secrets

    def open_session(self, order: PaymentOrder) -> PaymentPage:
        """Return a page to pay on. Raises Unreachable, Refused.

        It ends by our word when the quote does: Stripe's own end is half an hour off at least.
        """
        about = {"checkout": order.checkout}
        wanted: SessionCreateParams = {
            "mode": "payment",
            "allowed_payment_method_types": ["card"],
            "client_reference_id": order.checkout,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency,
                        "unit_amount": order.amount,
                        "product_data": {"name": order.title},
                    },
                }
            ],
            "success_url": order.done_url,
            "cancel_url": order.back_url,
            "metadata": about,
            "payment_intent_data": {"metadata": about},
        }
        if order.saves_card:
            wanted["customer_creation"] = "always"
            wanted["payment_intent_data"] = {
                "metadata": about,
                "setup_future_usage": "off_session",
            }
        with _translated():
            session = self._client.v1.checkout.sessions.create(
                wanted, {"idempotency_key": f"checkout-{order.checkout}"}
            )
        if not session.url:
            raise BrokenOff("Stripe opened a session without a page")
        return PaymentPage(session.id, session.url, session.created)

    def fetch_payment(self, session: str) -> Payment:
        """Return what a session has come to. Raises Unreachable, NotFound."""
        with _translated():
            is_charge = session.startswith(CHARGE_PREFIX)
            if is_charge:
                intents = self._client.v1.payment_intents
                said = _plain(intents.retrieve(session, {"expand": EXPANDED_CHARGE}))
                payment: Any = said
            else:
                sessions = self._client.v1.checkout.sessions
                said = _plain(sessions.retrieve(session, {"expand": EXPANDED}))
                payment = said.get("payment_intent")
            charge = payment.get("latest_charge") if isinstance(payment, dict) else None
            disputes = []
            if isinstance(payment, dict) and isinstance(charge, dict) and charge["disputed"]:
                listed = self._client.v1.disputes.list({"payment_intent": payment["id"]})
                disputes = [_plain(dispute) for dispute in listed.data]
        if is_charge:
            return _read(lambda: read_charge(said, disputes))
        return _read(lambda: read_payment(said, disputes))

    def end_session(self, session: str) -> None:
        """Let a session be paid no more; one that was paid or has ended stays as it is."""
        try:
            with _translated():
                if session.startswith(CHARGE_PREFIX):
                    self._client.v1.payment_intents.cancel(session)
                else:
                    self._client.v1.checkout.sessions.expire(session)
        except Refused:
            return

    def open_charge(self, order: PaymentOrder, saved: SavedMethod) -> PaymentPage:
        """Return a Payment Intent of a saved card that is not confirmed. Raises as others.

        Two that are made for one checkout do no harm: only the one that is kept is confirmed.
        """
        with _translated():
            intent = self._client.v1.payment_intents.create(
                {
                    "amount": order.amount,
                    "currency": order.currency,
                    "customer": saved.customer,
                    "payment_method": saved.method,
                    "allowed_payment_method_types": ["card"],
                    "description": order.title,
                    "metadata": {"checkout": order.checkout},
                },
                {"idempotency_key": f"charge-{order.checkout}"},
            )
        return PaymentPage(intent.id, "", intent.created)

    def confirm_charge(self, session: str) -> None:
        """Charge the saved card without its owner; a decline is what `fetch_payment` finds."""
        try:
            with _translated():
                self._client.v1.payment_intents.confirm(session, {"off_session": True})
        except Refused:
            return

    def forget_card(self, saved: SavedMethod) -> None:
        """Take a card off its customer; one that is off already stays so."""
        try:
            with _translated():
                self._client.v1.payment_methods.detach(saved.method)
        except (Refused, NotFound):
            return

    def refund(self, payment: Payment, amount: int, key: str) -> None:
        """Send money back to the card, once per key. Raises Refused, Unreachable."""
        if payment.payment is None:
            raise Refused("nothing was paid in this session")
        try:
            with _translated():
                self._client.v1.refunds.create(
                    {
                        "payment_intent": payment.payment,
                        "amount": amount,
                        "metadata": {"checkout": payment.checkout},
                    },
                    {"idempotency_key": f"refund-{key}"},
                )
        except _Already:
            return

    def read_webhook(self, body: bytes, headers: Mapping[str, str], now: int) -> WebhookEvent:
        """Check an event with the library's own rules and read it; it looks at its own clock.

        Raises InvalidSignature, Expired, InvalidInput.
        """
        self._check(body, headers.get(SIGNATURE_HEADER))
        try:
            event = json.loads(body)
            kind, about = str(event["type"]), event["data"]["object"]
            of = about.get("object")
            # A charge of a saved card has its Payment Intent for a session.
            is_session = of in ("checkout.session", "payment_intent")
            session = str(about["id"]) if is_session else None
            payment = session if of == "payment_intent" else about.get("payment_intent")
            return WebhookEvent(
                str(event["id"]), kind, session, payment if isinstance(payment, str) else None
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidInput("the webhook is no event of Stripe's") from error

    def _check(self, body: bytes, header: str | None) -> None:
        failure: Exception | None = None
        for secret in self._secrets:
            try:
                stripe.WebhookSignature.verify_header(
                    body.decode(), header or "", secret, TOLERANCE
                )
            except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
                failure = error
            else:
                return
        if failure is not None and "tolerance" in str(failure):
            raise Expired(
                f"the webhook was signed more than {TOLERANCE} s ago",
                field="signature",
                remedy="it was replayed, or a clock is wrong",
            ) from failure
        raise InvalidSignature(
            "the webhook is not signed with our secret, or was changed on its way",
            field="signature",
            remedy="check [payments] webhook_secrets",
        ) from failure


def read_payment(session: Mapping[str, Any], disputes: list[dict[str, Any]]) -> Payment:
    """Read a session with its charge, as the API writes them, and the disputes of its payment."""
    payment = session.get("payment_intent")
    charge = payment.get("latest_charge") if isinstance(payment, dict) else None
    is_paid = session["payment_status"] == "paid" and isinstance(charge, dict)
    state = SessionState.PAID if is_paid else SessionState.OPEN
    if not is_paid and session["status"] == "expired":
        state = SessionState.EXPIRED
    common: dict[str, Any] = {
        "session": session["id"],
        "checkout": session.get("client_reference_id") or "",
        "state": state,
        "currency": session["currency"],
        "amount": session["amount_total"],
    }
    if not is_paid or not isinstance(charge, dict) or not isinstance(payment, dict):
        return Payment(**common)
    customer, method = session.get("customer"), payment.get("payment_method")
    if payment.get("setup_future_usage") and customer and method:
        common["saved"] = SavedMethod(str(customer), str(method))
    return _read_paid(common, payment, charge, disputes)


def read_charge(intent: Mapping[str, Any], disputes: list[dict[str, Any]]) -> Payment:
    """Read a Payment Intent that charges a saved card, and the disputes of it.

    One that was declined asks for another card: nobody is there to give one, so it has ended.
    """
    status, charge = intent["status"], intent.get("latest_charge")
    common: dict[str, Any] = {
        "session": intent["id"],
        "checkout": (intent.get("metadata") or {}).get("checkout") or "",
        "state": SessionState.OPEN,
        "currency": intent["currency"],
        "amount": intent["amount"],
    }
    if status == "succeeded" and isinstance(charge, dict):
        common["state"] = SessionState.PAID
        return _read_paid(common, intent, charge, disputes)
    if status in ENDED_CHARGES:
        failed = intent.get("last_payment_error") or {}
        common |= {"state": SessionState.EXPIRED, "failure": failed.get("message")}
    return Payment(**common)


def _read_paid(
    common: dict[str, Any],
    payment: Mapping[str, Any],
    charge: Mapping[str, Any],
    disputes: list[dict[str, Any]],
) -> Payment:
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    moved = [one for one in disputes if one["status"] not in INQUIRIES]
    currency = common["currency"]
    fee = _fee_of(charge.get("balance_transaction"), currency)
    for dispute in moved:
        for transaction in dispute.get("balance_transactions") or ():
            fee += _fee_of(transaction, currency)
    return Payment(
        **common,
        payment=payment["id"],
        paid_at=charge["created"],
        card=card.get("fingerprint"),
        last_digits=card.get("last4"),
        fee=max(fee, 0),
        refunded=charge["amount_refunded"],
        dispute=_find_dispute(moved),
        disputed=sum(one["amount"] for one in moved),
    )


def _find_dispute(disputes: list[dict[str, Any]]) -> DisputeState:
    states = {one["status"] for one in disputes}
    if not states:
        return DisputeState.NONE
    if states - {"won", "lost"}:
        return DisputeState.OPEN
    return DisputeState.LOST if "lost" in states else DisputeState.WON


def _fee_of(transaction: Any, currency: str) -> int:
    """Return a balance transaction's fee; what is settled in another currency is not of ours."""
    if isinstance(transaction, dict) and transaction.get("currency") == currency:
        return int(transaction.get("fee") or 0)
    return 0


def _plain(found: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(str(found))
    return said


def _read(read: Callable[[], Answer]) -> Answer:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrokenOff(f"Stripe's answer has another shape: {error!r}") from error


class _Already(Refused):
    """Done already"""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except stripe.CardError as error:
        raise Refused(f"Stripe: {error.user_message or error}") from error
    except stripe.InvalidRequestError as error:
        said = error.user_message or str(error)
        if error.code in DONE_ALREADY:
            raise _Already(said) from error
        if error.code == "resource_missing":
            raise NotFound(f"Stripe: {said}") from error
        raise Refused(f"Stripe: {said}") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Unreachable(
            "Stripe does not take our key",
            field="payments.processor_key",
            remedy="set WASMARKET_PAYMENTS__PROCESSOR_KEY to the account's secret key",
        ) from error
    except stripe.IdempotencyError as error:
        raise Refused(f"Stripe: {error}") from error
    except stripe.StripeError as error:
        raise Unreachable(
            f"Stripe does not answer: {error.user_message or type(error).__name__}",
            remedy="it is asked again; nothing is lost",
        ) from error
