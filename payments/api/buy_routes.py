"""The page on which a browser says what to buy, where the explorer's button leads."""

from collections.abc import Callable
from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from payments.checkouts.opening import CheckoutDesk, PurchaseRequest
from payments.form_bodies import read_form
from payments.page_layout import PAGE, build_page
from payments.quoting.quotes import MINOR_UNITS, write_money
from payments.settings import PaymentsSettings
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import InvalidInput, MarketError
from wasmarket.kernel.signing.offers import parse_uint
from wasmarket.kernel.units import DealId
from wasmarket.store.enums import Purpose

SEE_OTHER = 303
MOST_DIGITS = 12
Deal = Annotated[int | None, Query(ge=1, lt=2**63)]
Account = Annotated[str | None, Query(pattern="^0x[0-9a-fA-F]{40}$")]


def buy_routes(
    desk: CheckoutDesk, settings: PaymentsSettings, page_url: Callable[[str], str]
) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["checkouts"])

    @router.get("/buy", response_class=Response, responses=PAGE)
    def show_form(deal: Deal = None, account: Account = None) -> HTMLResponse:
        """A form that opens a checkout: for a deal, or for an account."""
        if (deal is None) == (account is None):
            raise InvalidInput("name a deal or an account", field="deal")
        goal = str(deal) if account is None else account
        return _show(settings, "deal" if account is None else "account", goal)

    @router.post("/buy", response_class=Response, responses=PAGE)
    async def open_from_form(
        request: Request, form: Annotated[dict[str, str], Depends(read_form)]
    ) -> Response:
        """Open a checkout for what the form says, and go to its page."""
        kind = "deal" if "deal" in form else "account"
        try:
            wanted = read_purchase(form)
            client = str(request.state.client)
            opened = await run_in_threadpool(desk.open, wanted, client)
        except MarketError as error:
            said = error.detail + (f": {error.remedy}" if error.remedy else "")
            return _show(settings, kind, form.get(kind, ""), form, said)
        return RedirectResponse(page_url(opened.id), SEE_OTHER)

    return router


def read_purchase(form: dict[str, str]) -> PurchaseRequest:
    """Return what a form asks for. Raises InvalidInput."""
    amount, currency = read_money(form.get("amount", "")), form.get("currency", "")
    if "account" in form:
        address = parse_address(form["account"], field="account")
        return PurchaseRequest(currency, amount, Purpose.ACCOUNT, account=address)
    try:
        deal = parse_uint(form.get("deal", ""), field="deal", below=2**63)
    except InvalidInput:
        raise InvalidInput("there is no such deal", field="deal") from None
    return PurchaseRequest(currency, amount, Purpose.TOP_UP, deal=DealId(deal))


def read_money(text: str) -> int:
    """Read an amount such as `20` or `20.50` as minor units, exactly. Raises InvalidInput."""
    whole, _, part = text.strip().partition(".")
    digits = whole + part
    if not (digits.isascii() and digits.isdigit() and whole and len(part) <= 2) or (
        len(digits) > MOST_DIGITS
    ):
        raise InvalidInput(
            f"{text[:20]!r} is no amount", field="amount", remedy="write it as 20.00"
        )
    return int(whole) * MINOR_UNITS + int(part.ljust(2, "0"))


def _show(
    settings: PaymentsSettings,
    kind: str,
    goal: str,
    form: dict[str, str] | None = None,
    problem: str = "",
) -> HTMLResponse:
    given = form or {}
    options = "".join(
        f'<option value="{currency}"{" selected" if given.get("currency") == currency else ""}>'
        f"{currency.upper()}</option>"
        for currency in settings.currencies
    )
    told = f'<p role="alert"><strong>{escape(problem)}</strong></p>' if problem else ""
    amount = escape(given.get("amount", "20.00")[:20], quote=True)
    first = settings.currencies[0]
    body = (
        f'{told}<form method="post" action="/buy">'
        f'<input type="hidden" name="{kind}" value="{escape(goal, quote=True)}">'
        f'<label>Amount <input name="amount" inputmode="decimal" required maxlength="13"'
        f' autocomplete="off" value="{amount}"></label>'
        f'<label>Currency <select name="currency">{options}</select></label>'
        "<button>Show what it gives</button></form>"
        f'<p class="note">From {write_money(settings.min_amount, first)} to'
        f" {write_money(settings.max_amount, first)}. Fee, rate and what you get are on the next"
        " page, before you pay.</p>"
    )
    title = f"Buy USDC for deal {goal}" if kind == "deal" else f"Buy USDC for {goal}"
    return build_page(title, body)
