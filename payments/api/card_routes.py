"""Routes of saved cards, by signed request of their account: save, look, charge, cancel."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from payments.api.checkout_routes import CheckoutReads
from payments.api.views import (
    AccountInPath,
    CardIn,
    CardOut,
    ChargeIn,
    ChargeKey,
    CheckoutOut,
    show_card,
)
from payments.checkouts.saved_cards import CardDesk
from wasmarket.kernel.errors import Forbidden
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SIGNED, Authenticator


def card_routes(
    cards: CardDesk,
    reads: CheckoutReads,
    authenticator: Authenticator,
    on_charge: Callable[[], None],
) -> APIRouter:
    """Return the routes; `on_charge` has what is new looked at now."""
    router = APIRouter(tags=["cards"])
    signer_of = Annotated[Address, Depends(authenticator)]

    @router.post("/v1/accounts/{account}/card", status_code=201, openapi_extra=SIGNED)
    def save_card(
        account: AccountInPath, body: CardIn, request: Request, signer: signer_of
    ) -> CheckoutOut:
        """A page to pay on, whose card is saved: it may be charged later, within a limit."""
        _check_signer(account, signer)
        client = str(request.state.client)
        opened = cards.ask(signer, body.to_request(), body.most_per_month, client)
        return reads.show(opened.id)

    @router.get("/v1/accounts/{account}/card", openapi_extra=SIGNED)
    def read_card(account: AccountInPath, signer: signer_of) -> CardOut:
        """The account's saved card and what it was charged this month."""
        _check_signer(account, signer)
        return show_card(*cards.find(signer))

    @router.delete("/v1/accounts/{account}/card", openapi_extra=SIGNED)
    def cancel_card(account: AccountInPath, signer: signer_of) -> CardOut:
        """Let the account's card be charged no more, from now on."""
        _check_signer(account, signer)
        cards.cancel(signer)
        return show_card(*cards.find(signer))

    @router.post("/v1/accounts/{account}/charges", status_code=201, openapi_extra=SIGNED)
    def charge_card(
        account: AccountInPath, body: ChargeIn, request: Request, signer: signer_of
    ) -> CheckoutOut:
        """Top up a deal by the saved card; asked again with the same key: the same purchase."""
        _check_signer(account, signer)
        charged = cards.charge(signer, body.to_request(), str(request.state.client))
        on_charge()
        return reads.show(charged.id)

    @router.get("/v1/accounts/{account}/charges/{key}", openapi_extra=SIGNED)
    def read_charge(account: AccountInPath, key: ChargeKey, signer: signer_of) -> CheckoutOut:
        """How far a charge is that was asked for under a key."""
        _check_signer(account, signer)
        return reads.show(cards.find_charge(signer, key).id)

    return router


def _check_signer(account: str, signer: Address) -> None:
    if account != signer:
        raise Forbidden(
            "a saved card is its account's only", field="account", remedy=f"sign as {account:.42}"
        )
