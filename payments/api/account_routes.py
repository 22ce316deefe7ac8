"""Routes of accounts, by signed request: history, receipts, a grant of coins for gas."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from payments.api.checkout_routes import CheckoutReads
from payments.api.pages import receipt_rows, show_receipt_page, write_note
from payments.api.views import AccountInPath, CheckoutId, CheckoutPage, GrantOut
from payments.deliveries.grants import GasGrants
from payments.page_layout import PAGE
from wasmarket.kernel.errors import Forbidden
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SIGNED, Authenticator
from wasmarket.serving.pages import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_cursor,
    encode_cursor,
)
from wasmarket.store.database import Database
from wasmarket.store.payments.checkouts import fetch_checkouts_of
from wasmarket.store.payments.deliveries import find_delivery
from wasmarket.store.payments.views import Checkout, Delivery

ReceiptForm = Annotated[Literal["html", "pdf"], Query(alias="format")]
RECEIPT: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            **PAGE[200]["content"],
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        }
    }
}


def account_routes(
    database: Database,
    reads: CheckoutReads,
    grants: GasGrants,
    authenticator: Authenticator,
    version: str,
) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["accounts"])
    signer_of = Annotated[Address, Depends(authenticator)]

    @router.get("/v1/accounts/{account}/checkouts", openapi_extra=SIGNED)
    def list_checkouts(
        account: AccountInPath,
        signer: signer_of,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> CheckoutPage:
        """The account's purchases, newest first; signed by it."""
        if account != signer:
            raise Forbidden(
                "purchases are shown to their account only",
                field="account",
                remedy=f"sign as {account:.42}",
            )
        before = decode_cursor(cursor, int, str)
        with database.read() as session:
            found = fetch_checkouts_of(session, signer, before=before, limit=limit + 1)
            shown = [(one, find_delivery(session, one.id)) for one in found[:limit]]
        more = len(found) > limit
        return CheckoutPage(
            items=[reads.view(one, delivery) for one, delivery in shown],
            next=_cursor_after(found[limit - 1]) if more else None,
        )

    @router.get(
        "/v1/checkouts/{checkout}/receipt",
        openapi_extra=SIGNED,
        response_class=Response,
        responses=RECEIPT,
    )
    def read_receipt(
        checkout: CheckoutId, signer: signer_of, form: ReceiptForm = "html"
    ) -> Response:
        """A receipt, a page or a PDF; signed by the account of the purchase."""
        found, delivery = reads.fetch(checkout)
        if found.account != signer:
            raise Forbidden(
                "a receipt is shown to the purchase's account only",
                field="checkout",
                remedy=f"sign as {found.account}",
            )
        if form == "pdf":
            return show_receipt_pdf(found, delivery, version)
        return show_receipt_page(found, delivery, version)

    @router.post("/v1/grants", status_code=201, openapi_extra=SIGNED)
    def ask_for_grant(request: Request, signer: signer_of) -> GrantOut:
        """Coins for gas for the account that signs, once."""
        given = grants.give(signer, str(request.state.client))
        return GrantOut(account=given.to, amount=given.amount, state=given.state, tx=given.tx_hash)

    return router


def show_receipt_pdf(checkout: Checkout, delivery: Delivery | None, version: str) -> Response:
    """Return the receipt of a purchase as a document to keep."""
    # Its fonts and pictures take half a second, which a gateway that starts has not.
    from wasmarket.serving.papers.pdf_pages import build_pdf  # noqa: PLC0415

    at = checkout.paid_at or checkout.created_at
    content = build_pdf("Receipt", receipt_rows(checkout, delivery), (), write_note(version), at=at)
    name = f"receipt-{checkout.id}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


def _cursor_after(checkout: Checkout) -> str:
    return encode_cursor(checkout.created_at, checkout.id)
