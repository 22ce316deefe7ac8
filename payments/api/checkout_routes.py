"""Routes of buyers: open a checkout, follow it, its page, terms."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from payments.api.pages import show_checkout_page
from payments.api.views import CheckoutId, CheckoutIn, CheckoutOut, TermsOut, show_checkout
from payments.checkouts.opening import CheckoutDesk
from payments.page_layout import PAGE
from payments.quoting.rates import RateSource
from payments.settings import PaymentsSettings
from wasmarket.store.database import Database
from wasmarket.store.payments.checkouts import fetch_checkout
from wasmarket.store.payments.deliveries import find_delivery
from wasmarket.store.payments.saved_cards import find_saved_card
from wasmarket.store.payments.views import Checkout, Delivery

GWEI = 10**9


class CheckoutReads:
    """Reads purchases for routes."""

    def __init__(self, database: Database, page_url: Callable[[str], str]) -> None:
        self._database = database
        self._page_url = page_url

    def fetch(self, checkout: str) -> tuple[Checkout, Delivery | None]:
        """Return a purchase and its delivery. Raises NotFound."""
        with self._database.read() as session:
            return fetch_checkout(session, checkout), find_delivery(session, checkout)

    def fetch_terms(self, checkout: str) -> str:
        """Return what a buyer agrees to whose card is saved, empty if it is not."""
        with self._database.read() as session:
            card = find_saved_card(session, checkout)
        return "" if card is None else card.terms

    def show(self, checkout: str) -> CheckoutOut:
        """Return a purchase as clients see it. Raises NotFound."""
        return self.view(*self.fetch(checkout))

    def view(self, checkout: Checkout, delivery: Delivery | None) -> CheckoutOut:
        """Return a purchase that was read, as clients see it."""
        return show_checkout(checkout, delivery, self._page_url(checkout.id))


def checkout_routes(
    desk: CheckoutDesk,
    reads: CheckoutReads,
    rates: RateSource,
    settings: PaymentsSettings,
    now: Callable[[], int],
) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["checkouts"])

    @router.post("/v1/checkouts", status_code=201)
    def open_checkout(body: CheckoutIn, request: Request) -> CheckoutOut:
        """Get a quote and a page to pay it on by card; the quote holds for 15 minutes."""
        opened = desk.open(body.to_request(), str(request.state.client))
        return reads.show(opened.id)

    @router.get("/v1/checkouts/{checkout}")
    def read_checkout(checkout: CheckoutId) -> CheckoutOut:
        """How far a purchase is. Whoever knows its id may ask."""
        return reads.show(checkout)

    @router.get("/v1/terms")
    def read_terms() -> TermsOut:
        """What is sold, at which rates, and within which limits."""
        known = rates.fetch(now())
        return TermsOut(
            currencies=list(settings.currencies),
            rates={f"{token}_{currency}": rate for (token, currency), rate in known.prices.items()},
            rates_at=known.at,
            fee_bps=settings.fee_bps,
            fee_fixed=settings.fee_fixed,
            min_amount=settings.min_amount,
            max_amount=settings.max_amount,
            quote_seconds=settings.quote_seconds,
            processor=settings.processor,
            grant_wei=settings.grant_gwei * GWEI,
        )

    @router.get("/checkouts/{checkout}", response_class=Response, responses=PAGE)
    def show_page(checkout: CheckoutId) -> HTMLResponse:
        """The page of a purchase, for a browser."""
        return show_checkout_page(*reads.fetch(checkout), reads.fetch_terms(checkout))

    return router
