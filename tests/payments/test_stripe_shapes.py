"""What we make of Stripe's objects and signed events, without any network."""

import json
import time

import pytest
import stripe

from payments.processors.protocol import SessionState, WebhookEvent
from payments.processors.stripe_client import StripeProcessor, read_payment
from tests.payments.stripe_shapes import CREATED, charge, dispute, event, session
from wasmarket.kernel.errors import ConfigError, Expired, InvalidInput, InvalidSignature
from wasmarket.store.enums import DisputeState

pytestmark = pytest.mark.unit

SECRET = "whsec_one"


@pytest.fixture
def processor():
    return StripeProcessor("sk_test_1", ("whsec_older", SECRET), "http://127.0.0.1:1", 1.0)


def signed(body, secret=SECRET, at=None):
    header = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    return {"stripe-signature": header}


def test_payment__paid__has_card_fee_and_time():
    found = read_payment(session(charge=charge()), [])

    assert found.state is SessionState.PAID
    assert (found.amount, found.currency, found.fee, found.refunded) == (2_000, "usd", 88, 0)
    assert (found.payment, found.paid_at) == ("pi_3", CREATED + 60)
    assert (found.card, found.last_digits) == ("Xt5EWLLDS7FJjR1c", "4242")
    assert found.checkout == "a" * 32


@pytest.mark.parametrize(
    ("status", "payment_status", "state"),
    [
        ("open", "unpaid", SessionState.OPEN),
        ("complete", "unpaid", SessionState.OPEN),
        ("expired", "unpaid", SessionState.EXPIRED),
    ],
)
def test_payment__not_paid__is_open_or_ended(status, payment_status, state):
    assert read_payment(session(status=status, payment_status=payment_status), []).state is state


@pytest.mark.parametrize(
    ("statuses", "state", "amount", "fee"),
    [
        (["needs_response"], DisputeState.OPEN, 2_000, 1_588),
        (["under_review"], DisputeState.OPEN, 2_000, 1_588),
        (["won"], DisputeState.WON, 2_000, 1_588),
        (["lost"], DisputeState.LOST, 2_000, 1_588),
        (["warning_needs_response"], DisputeState.NONE, 0, 88),
        (["won", "lost"], DisputeState.LOST, 4_000, 3_088),
    ],
)
def test_payment__disputed__counts_what_moved(statuses, state, amount, fee):
    found = read_payment(session(charge=charge(disputed=True)), [dispute(s) for s in statuses])

    assert (found.dispute, found.disputed, found.fee) == (state, amount, fee)


def test_payment__settled_in_another_currency__has_no_fee_of_ours():
    assert read_payment(session(charge=charge(settled="eur")), []).fee == 0


@pytest.mark.parametrize(
    ("kind", "about", "session_id", "payment"),
    [
        ("checkout.session.completed", session(charge=charge()), "cs_test_a1", None),
        ("charge.refunded", charge(refunded=500), None, "pi_3"),
        ("charge.dispute.created", dispute("needs_response"), None, "pi_3"),
        ("customer.created", {"id": "cus_1", "object": "customer"}, None, None),
    ],
)
def test_webhook__signed__says_what_it_is_about(processor, kind, about, session_id, payment):
    body = json.dumps(event(kind, about))

    found = processor.read_webhook(body.encode(), signed(body), 0)

    expected = payment if kind != "checkout.session.completed" else found.payment
    assert found == WebhookEvent("evt_1", kind, session_id, expected)


@pytest.mark.parametrize(
    ("make_headers", "error"),
    [
        (dict, InvalidSignature),
        (lambda: {"stripe-signature": "nonsense"}, InvalidSignature),
        (lambda: {"stripe-signature": "t=1,v1=é"}, InvalidSignature),
        (lambda: signed("{}", "whsec_foreign"), InvalidSignature),
        (lambda: signed("{} "), InvalidSignature),
        (lambda: signed("{}", at=int(time.time()) - 400), Expired),
        (lambda: signed("{}"), InvalidInput),
    ],
)
def test_webhook__forged_foreign_changed_or_stale__is_refused(processor, make_headers, error):
    with pytest.raises(error):
        processor.read_webhook(b"{}", make_headers(), 0)


@pytest.mark.parametrize(("key", "secrets"), [("", ("whsec",)), ("sk", ())])
def test_processor__without_its_secrets__is_not_built(key, secrets):
    with pytest.raises(ConfigError, match="secret"):
        StripeProcessor(key, secrets, "", 1.0)
