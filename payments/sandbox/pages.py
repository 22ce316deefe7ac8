"""The sandbox's pages: a card, a bank's question, the end."""

from html import escape

from fastapi.responses import HTMLResponse

from payments.page_layout import build_page, build_table
from payments.processors.protocol import SessionState
from payments.quoting.quotes import write_money
from payments.sandbox.book import SandboxEntry
from payments.sandbox.cards import CARDS, SandboxCard

NOTE = '<p class="note">This is a sandbox: no real card is taken, no money moves. Test cards:</p>'
SAVES = (
    '<p class="note">This card is saved: the shop may charge it later, within what you agreed.</p>'
)


def show_card_page(entry: SandboxEntry, problem: str = "") -> HTMLResponse:
    """Return the page that asks for a card; `problem`: why the last one was not taken."""
    session = entry.session
    if session.state is not SessionState.OPEN:
        return show_end_page(entry)
    told = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    body = (
        f"<p>{escape(entry.title)}</p>{told}{SAVES if entry.saves_card else ''}"
        f'<form method="post" action="/pay/{escape(session.id, quote=True)}">'
        '<label>Card number <input name="number" inputmode="numeric" autocomplete="cc-number"'
        ' required maxlength="24" placeholder="4242 4242 4242 4242"></label>'
        '<label>Expiry <input name="expiry" autocomplete="cc-exp" placeholder="12/34"></label>'
        '<label>CVC <input name="cvc" inputmode="numeric" autocomplete="cc-csc"></label>'
        f"<button>Pay {escape(write_money(session.amount, session.currency))}</button></form>"
        + NOTE
        + build_table([(card.name, _group(card.number)) for card in CARDS])
    )
    return build_page("Pay by card", body, status=402 if problem else 200)


def show_bank_page(entry: SandboxEntry, card: SandboxCard) -> HTMLResponse:
    """Return the page of the buyer's bank, which asks before it pays."""
    session = entry.session
    amount = escape(write_money(session.amount, session.currency))
    path = f"/pay/{escape(session.id, quote=True)}/bank"
    body = (
        f"<p>Your bank asks: pay {amount}?</p>"
        f'<form method="post" action="{path}">'
        f'<input type="hidden" name="number" value="{card.number}">'
        '<button name="answer" value="approve">Approve</button> '
        '<button name="answer" value="refuse">Refuse</button></form>'
    )
    return build_page("3-D Secure", body)


def show_end_page(entry: SandboxEntry) -> HTMLResponse:
    """Return the page that leads back to the shop."""
    said = "Paid" if entry.session.state is SessionState.PAID else "This page has ended"
    link = escape(entry.done_url, quote=True)
    body = (
        f'<p role="status"><strong>{said}.</strong></p>'
        f'<p><a class="next" href="{link}">Go back</a></p>'
    )
    return build_page(said, body, leaves=True)


def _group(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
