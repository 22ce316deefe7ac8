"""Objects as Stripe's API documents them, with the fields that we read and some that we do not."""

CREATED = 1_900_000_000


def session(*, status="complete", payment_status="paid", charge=None, amount=2_000):
    """Return a Checkout Session with its payment expanded."""
    intent = None
    if charge is not None:
        intent = {
            "id": "pi_3",
            "object": "payment_intent",
            "amount": amount,
            "currency": "usd",
            "latest_charge": charge,
            "status": "succeeded",
        }
    return {
        "id": "cs_test_a1",
        "object": "checkout.session",
        "amount_subtotal": amount,
        "amount_total": amount,
        "client_reference_id": "a" * 32,
        "created": CREATED,
        "currency": "usd",
        "expires_at": CREATED + 86_400,
        "livemode": False,
        "metadata": {"checkout": "a" * 32},
        "mode": "payment",
        "payment_intent": intent,
        "payment_status": payment_status,
        "status": status,
        "url": "https://checkout.stripe.com/c/pay/cs_test_a1" if status == "open" else None,
    }


def intent(*, amount=2_000, checkout="a" * 32):
    """Return a Payment Intent of a saved card that is not confirmed."""
    return {
        "id": "pi_9",
        "object": "payment_intent",
        "amount": amount,
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": {"checkout": checkout},
        "payment_method": "pm_1",
        "status": "requires_confirmation",
    }


def charge(*, amount=2_000, refunded=0, disputed=False, settled="usd"):
    """Return a Charge with its balance transaction expanded."""
    return {
        "id": "ch_3",
        "object": "charge",
        "amount": amount,
        "amount_refunded": refunded,
        "balance_transaction": {
            "id": "txn_1",
            "object": "balance_transaction",
            "amount": amount,
            "currency": settled,
            "fee": 88,
            "net": amount - 88,
        },
        "created": CREATED + 60,
        "currency": "usd",
        "disputed": disputed,
        "paid": True,
        "payment_intent": "pi_3",
        "payment_method_details": {
            "card": {"brand": "visa", "fingerprint": "Xt5EWLLDS7FJjR1c", "last4": "4242"},
            "type": "card",
        },
        "refunded": refunded == amount,
        "status": "succeeded",
    }


def dispute(status, *, amount=2_000):
    """Return a Dispute; money moved unless it is an inquiry."""
    moved = not status.startswith("warning")
    taken = {"id": "txn_2", "amount": -amount, "currency": "usd", "fee": 1_500}
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [taken] if moved else [],
        "charge": "ch_3",
        "currency": "usd",
        "payment_intent": "pi_3",
        "reason": "fraudulent",
        "status": status,
    }


def event(kind, about):
    """Return an Event."""
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-29",
        "created": CREATED,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "type": kind,
    }
