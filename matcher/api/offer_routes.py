"""Routes for offers: in, out, status and explanation."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from matcher.api.guards import SignersWithin, client_of
from matcher.api.offer_reads import OfferReads
from matcher.api.views.offers import (
    DeveloperOfferBody,
    ExplanationView,
    FullOfferView,
    OfferView,
    ProviderOfferBody,
    listed,
)
from matcher.offers.intake import Intake
from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SIGNED
from wasmarket.serving.pages import DEFAULT_LIMIT, Cursor, Limit, Page
from wasmarket.serving.texts import AddressText, HashText

BIDS = "/v1/developer-offers"
ASKS = "/v1/provider-offers"


def offer_routes(door: Intake, reads: OfferReads, authenticator: SignersWithin) -> APIRouter:
    """Return the routes of both kinds of offers."""
    router = APIRouter()
    signer = Annotated[Address, Depends(authenticator)]
    sender = Annotated[str, Depends(client_of)]

    @router.post(BIDS, status_code=201, responses={200: {"model": OfferView}}, tags=["offers"])
    def post_developer_offer(
        body: DeveloperOfferBody, client: sender, response: Response
    ) -> OfferView:
        """List a signed bid. Sending it again does nothing."""
        permit = body.permit.model_dump(mode="json") if body.permit else None
        posted = door.post_developer_offer(
            body.offer,
            body.signature,
            permit,
            body.target,
            body.target_authorization,
            wish=body.wish,
            wish_signature=body.wish_signature,
            client=client,
        )
        response.status_code = _code(posted.is_new)
        return listed(posted.hash) if posted.is_plain else reads.read_bid(posted.hash)

    @router.post(ASKS, status_code=201, responses={200: {"model": OfferView}}, tags=["offers"])
    def post_provider_offer(
        body: ProviderOfferBody, client: sender, response: Response
    ) -> OfferView:
        """List a signed ask. Sending it again does nothing."""
        posted = door.post_provider_offer(body.offer, body.signature, client=client)
        response.status_code = _code(posted.is_new)
        return listed(posted.hash) if posted.is_plain else reads.read_ask(posted.hash)

    @router.get(BIDS, tags=["offers"])
    def list_developer_offers(
        developer: AddressText | None = None, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[FullOfferView]:
        """Bids in order of arrival."""
        return reads.list_bids(_account(developer, "developer"), cursor, limit)

    @router.get(ASKS, tags=["offers"])
    def list_provider_offers(
        provider: AddressText | None = None,
        peer: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[FullOfferView]:
        """Asks in order of arrival."""
        return reads.list_asks(_account(provider, "provider"), peer, cursor, limit)

    @router.get(BIDS + "/{hash}", tags=["offers"])
    def read_developer_offer(hash: HashText) -> FullOfferView:
        """One bid: its status, its deal, and why it has no more units."""
        return reads.read_full_bid(parse_hash(hash, field="hash"))

    @router.get(ASKS + "/{hash}", tags=["offers"])
    def read_provider_offer(hash: HashText) -> FullOfferView:
        """One ask."""
        return reads.read_full_ask(parse_hash(hash, field="hash"))

    @router.delete(BIDS + "/{hash}", tags=["offers"], openapi_extra=SIGNED)
    def delete_developer_offer(hash: HashText, account: signer) -> OfferView:
        """Take a bid out of this book; only `Market.cancel` stops others from matching it."""
        offer = reads.read_full_bid(parse_hash(hash, field="hash"))
        door.withdraw(parse_hash(hash), parse_address(offer.offer["developer"]), account)
        return reads.read_bid(parse_hash(hash))

    @router.delete(ASKS + "/{hash}", tags=["offers"], openapi_extra=SIGNED)
    def delete_provider_offer(hash: HashText, account: signer) -> OfferView:
        """Take an ask out of this book; only `Market.cancel` stops others from filling it."""
        name = parse_hash(hash, field="hash")
        door.withdraw(name, reads.owner_of_ask(name), account)
        return reads.read_ask(name)

    @router.get(BIDS + "/{hash}/explain", tags=["offers"])
    def explain_developer_offer(hash: HashText) -> ExplanationView:
        """What binds a bid, and the smallest single changes that would give it more."""
        return reads.explain_bid(parse_hash(hash, field="hash"))

    return router


def _code(is_new: bool) -> int:
    return status.HTTP_201_CREATED if is_new else status.HTTP_200_OK


def _account(text: str | None, field: str) -> Address | None:
    return None if text is None else parse_address(text, field=field)
