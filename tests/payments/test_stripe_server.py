"""Stripe's library against a local server in place of its API: what we send, what we make of it."""

import dataclasses

import pytest

from payments.processors.protocol import PaymentOrder, SavedMethod, SessionState
from payments.processors.stripe_client import StripeProcessor
from tests.payments.stripe_server import StripeServer
from wasmarket.kernel.errors import NotFound, Refused, Unreachable
from wasmarket.store.enums import DisputeState

pytestmark = pytest.mark.e2e

ORDER = PaymentOrder(
    checkout="a" * 32,
    currency="usd",
    amount=2_000,
    title="USDC for deal 1 (20.00 USD)",
    done_url="https://pay.example.org/checkouts/a",
    back_url="https://pay.example.org/checkouts/a",
)
SAVED = SavedMethod("cus_1", "pm_1")


@pytest.fixture
def server():
    server = StripeServer()
    yield server
    server.close()


@pytest.fixture
def processor(server):
    return StripeProcessor("sk_test_1", ("whsec_1",), server.url, 5.0)


def test_open__order__is_a_checkout_session_of_that_amount_once(processor, server):
    page = processor.open_session(ORDER)

    assert page.session == "cs_test_a1"
    assert page.url.startswith("https://checkout.stripe.com/")
    [(method, path, form, key)] = server.requests
    assert (method, path) == ("POST", "/v1/checkout/sessions")
    assert key == f"checkout-{ORDER.checkout}"
    assert form["mode"] == "payment"
    assert form["line_items[0][price_data][unit_amount]"] == "2000"
    assert form["line_items[0][price_data][currency]"] == "usd"
    assert form["client_reference_id"] == ORDER.checkout
    assert form["payment_intent_data[metadata][checkout]"] == ORDER.checkout


def test_fetch__paid__asks_for_the_charge_with_it(processor, server):
    server.pay()

    found = processor.fetch_payment("cs_test_a1")

    assert (found.state, found.fee) == (SessionState.PAID, 88)
    [(_, _, query, _)] = server.requests
    assert list(query.values()) == ["payment_intent.latest_charge.balance_transaction"]


def test_fetch__disputed__asks_for_the_disputes(processor, server):
    server.pay()
    server.open_dispute("needs_response")

    assert processor.fetch_payment("cs_test_a1").dispute is DisputeState.OPEN


def test_refund__twice_with_one_key__is_one_refund(processor, server):
    server.pay()
    payment = processor.fetch_payment("cs_test_a1")
    for _ in range(2):
        processor.refund(payment, 2_000, "a" * 32)

    assert processor.fetch_payment("cs_test_a1").refunded == 2_000
    assert len(server.refunds) == 1


def test_refund__made_before_by_another_key__is_done(processor, server):
    server.pay(refunded=2_000)
    processor.refund(processor.fetch_payment("cs_test_a1"), 2_000, "b" * 32)

    assert server.refunds == {}


def test_refund__of_what_is_disputed__is_refused(processor, server):
    server.pay()
    payment = processor.fetch_payment("cs_test_a1")
    server.open_dispute("needs_response")

    with pytest.raises(Refused, match="charged back"):
        processor.refund(payment, 2_000, "a" * 32)


def test_end__open_or_paid__never_fails(processor, server):
    processor.end_session("cs_test_a1")
    assert processor.fetch_payment("cs_test_a1").state is SessionState.EXPIRED
    server.pay()
    processor.end_session("cs_test_a1")

    assert processor.fetch_payment("cs_test_a1").state is SessionState.PAID


def test_answer__failures_of_the_server__are_tried_again_by_the_library(processor, server):
    server.pay()
    server.failures = [(500, {"type": "api_error", "message": "down"})]

    assert processor.fetch_payment("cs_test_a1").state is SessionState.PAID


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (500, {"type": "api_error", "message": "down"}, Unreachable),
        (429, {"type": "invalid_request_error", "message": "slow down"}, Unreachable),
        (401, {"type": "invalid_request_error", "message": "Invalid API Key"}, Unreachable),
        (
            404,
            {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"},
            NotFound,
        ),
        (400, {"type": "invalid_request_error", "message": "Amount too small"}, Refused),
        (400, {"type": "idempotency_error", "message": "Other parameters"}, Refused),
    ],
)
def test_answer__an_error__is_one_of_ours(processor, server, status, error, kind):
    server.failures = [(status, error)] * 3

    with pytest.raises(kind):
        processor.fetch_payment("cs_test_a1")


def test_answer__nobody_listens__is_unreachable(server):
    processor = StripeProcessor("sk_test_1", ("whsec_1",), "http://127.0.0.1:9", 1.0)

    with pytest.raises(Unreachable, match="does not answer"):
        processor.fetch_payment("cs_test_a1")


def test_open__card_that_is_saved__asks_for_use_off_session_by_a_customer(processor, server):
    processor.open_session(dataclasses.replace(ORDER, saves_card=True))

    [(_, _, form, _)] = server.requests
    assert form["customer_creation"] == "always"
    assert form["payment_intent_data[setup_future_usage]"] == "off_session"


def test_fetch__paid_by_a_card_that_is_saved__names_customer_and_method(processor, server):
    server.pay()
    assert processor.fetch_payment("cs_test_a1").saved is None
    server.session["customer"] = "cus_1"
    more = {"payment_method": "pm_1", "setup_future_usage": "off_session"}
    server.session["payment_intent"] |= more

    assert processor.fetch_payment("cs_test_a1").saved == SAVED


def test_charge__of_a_saved_card__is_made_once_off_session(processor, server):
    opened = processor.open_charge(ORDER, SAVED)
    assert processor.fetch_payment(opened.session).state is SessionState.OPEN
    processor.confirm_charge(opened.session)
    processor.confirm_charge(opened.session)

    found = processor.fetch_payment(opened.session)

    assert (opened.session, opened.url) == ("pi_9", "")
    assert (found.state, found.amount, found.checkout) == (SessionState.PAID, 2_000, "a" * 32)
    assert (found.payment, found.fee, found.last_digits) == ("pi_9", 88, "4242")
    created, confirmed = server.requests[0], server.requests[2]
    assert created[3] == f"charge-{ORDER.checkout}"
    assert (created[2]["customer"], created[2]["payment_method"]) == ("cus_1", "pm_1")
    assert confirmed[2]["off_session"] == "true"


def test_charge__declined_without_its_owner__has_ended_and_says_why(processor, server):
    server.declines = True
    opened = processor.open_charge(ORDER, SAVED)
    processor.confirm_charge(opened.session)

    found = processor.fetch_payment(opened.session)

    assert found.state is SessionState.EXPIRED
    assert "requires authentication" in found.failure


def test_charge__ended_before_it_was_confirmed__is_not_made(processor, server):
    opened = processor.open_charge(ORDER, SAVED)
    processor.end_session(opened.session)
    processor.confirm_charge(opened.session)

    assert processor.fetch_payment(opened.session).state is SessionState.EXPIRED


def test_forget__card__is_taken_off_its_customer_once(processor, server):
    processor.forget_card(SAVED)
    processor.forget_card(SAVED)

    assert server.detached == ["pm_1"]
