"""Pages of purchases for browsers: a checkout, a receipt.

Everything that is not ours is escaped where it is put in.
"""

from datetime import UTC, datetime
from html import escape

from fastapi.responses import HTMLResponse

from payments.checkouts.opening import write_purpose
from payments.page_layout import Follow, build_page, build_table
from payments.quoting.quotes import write_money, write_rate
from wasmarket.kernel.units import format_flt, format_usdc
from wasmarket.store.enums import CheckoutState, DisputeState
from wasmarket.store.payments.views import Checkout, Delivery

MOVING = (CheckoutState.OPEN, CheckoutState.PAID, CheckoutState.SENDING, CheckoutState.REFUNDING)
SAID = {
    CheckoutState.OPEN: "Waiting for your payment",
    CheckoutState.EXPIRED: "This quote has ended; nothing was charged",
    CheckoutState.PAID: "Paid; the tokens are on their way",
    CheckoutState.SENDING: "Paid; the tokens are on their way",
    CheckoutState.DELIVERED: "Done: the tokens are there",
    CheckoutState.HELD: "Held: your bank disputes the payment",
    CheckoutState.REFUNDING: "The money goes back to your card",
    CheckoutState.REFUNDED: "The money went back to your card",
    CheckoutState.LOST: "Your bank took the payment back",
}


def show_checkout_page(
    checkout: Checkout, delivery: Delivery | None, terms: str = ""
) -> HTMLResponse:
    """Return the page of a purchase: what it gives and costs, and how far it is.

    `terms`: what the buyer agrees to by paying, if the card is saved.
    """
    body = build_table(_quote_rows(checkout))
    if terms:
        body += f"<h2>The card is saved</h2><p>{escape(terms)}</p>"
    if checkout.state is CheckoutState.OPEN and checkout.url:
        body += (
            f'<p><a class="pay" href="{escape(checkout.url, quote=True)}" rel="noreferrer">'
            f"Pay {escape(write_money(checkout.amount, checkout.currency))} by card</a></p>"
            f'<p class="note">The quote holds until {_time(checkout.expires_at)}.'
            " Tokens that were delivered do not come back: a refund is possible until then.</p>"
        )
    reason = checkout.reason or (delivery.reason if delivery else None)
    said = escape(SAID[checkout.state]) + (f": {escape(reason)}" if reason else "")
    body += f'<p role="status"><strong>{said}.</strong></p>'
    if delivery is not None and delivery.tx_hash:
        body += f'<p class="note">Transaction {escape(delivery.tx_hash)}</p>'
    return build_page(
        f"Buy {write_purpose(checkout)}",
        body,
        follow=_follow(checkout, reason) if checkout.state in MOVING else None,
    )


def _follow(checkout: Checkout, reason: str | None) -> Follow:
    """Return what the page of a purchase waits for, by a URL that holds behind any prefix."""
    return Follow(f"../v1/checkouts/{checkout.id}", f"{checkout.state}:{reason or ''}")


def show_receipt_page(checkout: Checkout, delivery: Delivery | None, version: str) -> HTMLResponse:
    """Return the receipt of a purchase, to be printed."""
    rows = receipt_rows(checkout, delivery)
    note = f'<p class="note">{escape(write_note(version))}</p>'
    return build_page("Receipt", build_table(rows) + note)


def receipt_rows(checkout: Checkout, delivery: Delivery | None) -> list[tuple[str, str]]:
    """Return what a receipt says: names and values."""
    rows = [
        ("Receipt", checkout.id),
        ("Date", _time(checkout.paid_at or checkout.created_at)),
        *_quote_rows(checkout),
        ("Account", checkout.account),
        ("Card", f"ends with {checkout.last_digits}" if checkout.last_digits else "not charged"),
        ("Charged", write_money(checkout.received, checkout.currency)),
        ("Back to the card", write_money(checkout.refunded, checkout.currency)),
        ("State", SAID[checkout.state] + (f": {checkout.reason}" if checkout.reason else "")),
    ]
    if checkout.dispute is not DisputeState.NONE:
        rows.append(("Dispute", checkout.dispute))
    if delivery is not None and delivery.tx_hash:
        rows += [
            ("Sent to", f"deal {delivery.deal}" if delivery.kind == "top_up" else delivery.to),
            ("Transaction", delivery.tx_hash),
            ("Block", str(delivery.block_number)),
        ]
    return rows


def write_note(version: str) -> str:
    """Say who made a receipt."""
    return f"Wasmarket payment gateway {version}"


def _quote_rows(checkout: Checkout) -> list[tuple[str, str]]:
    return [
        ("For", write_purpose(checkout)),
        ("You pay", write_money(checkout.amount, checkout.currency)),
        ("of which our fee", write_money(checkout.fee, checkout.currency)),
        ("Rate", write_rate(checkout.rate, checkout.currency, checkout.token)),
        ("You get", write_tokens(checkout)),
    ]


def write_tokens(checkout: Checkout) -> str:
    """Write what a purchase gives: `19.10 USDC`."""
    if checkout.token == "flt":
        return f"{format_flt(checkout.tokens)} FLT"
    return f"{format_usdc(checkout.tokens)} USDC"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
