"""Routes of what developers ask of this matcher for their deals: replacements and targets."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response, status
from pydantic import BaseModel, ConfigDict, Field

from matcher.api.guards import SignersWithin, keep_request
from matcher.api.offer_reads import OfferReads
from matcher.api.views.offers import OfferView
from matcher.offers.replacements import Replacements, ReplacementState
from wasmarket.kernel.addresses import parse_hash
from wasmarket.kernel.signing.requests import SignedRequest
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SIGNED
from wasmarket.serving.pages import Page

Number = Annotated[int, Path(ge=1, lt=2**63)]


class ReplacementBody(BaseModel):
    """Which assignment to replace."""

    model_config = ConfigDict(extra="forbid")

    assignment: Annotated[int, Field(ge=1, lt=2**63)]


class TargetBody(BaseModel):
    """How many units of an offer are wanted for now; null: all that it allows."""

    model_config = ConfigDict(extra="forbid")

    units: Annotated[int, Field(ge=1, lt=2**16)] | None


class ReplacementView(BaseModel):
    """A wish: wanted, placed (not active yet), ready (drop the old one now), or done."""

    deal: int
    assignment: int
    units: int
    status: str
    block: int

    @classmethod
    def build(cls, state: ReplacementState) -> "ReplacementView":
        """Render a state."""
        return cls(
            deal=state.deal,
            assignment=state.assignment,
            units=state.units,
            status=state.status.value,
            block=state.block,
        )


def replacement_routes(
    wishes: Replacements, reads: OfferReads, authenticator: SignersWithin
) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["deals"])
    signer = Annotated[Address, Depends(authenticator)]
    signed = Annotated[SignedRequest, Depends(keep_request)]
    path = "/v1/deals/{deal}/replacements"

    @router.post(
        path, status_code=201, responses={200: {"model": ReplacementView}}, openapi_extra=SIGNED
    )
    def request_replacement(
        deal: Number,
        body: ReplacementBody,
        account: signer,
        proof: signed,
        response: Response,
    ) -> ReplacementView:
        """Have an assignment's units given elsewhere before you drop it."""
        state, is_new = wishes.request(deal, body.assignment, account, proof)
        response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return ReplacementView.build(state)

    @router.get(path)
    def list_replacements(deal: Number) -> Page[ReplacementView]:
        """How far the replacements of a deal have come."""
        states, block = wishes.list(deal)
        items = [ReplacementView.build(state) for state in states]
        return Page(items=items, next=None, block=block)

    @router.delete(path + "/{assignment}", openapi_extra=SIGNED)
    def withdraw_replacement(deal: Number, assignment: Number, account: signer) -> ReplacementView:
        """Keep an assignment after all; units that came in its place stay."""
        return ReplacementView.build(wishes.withdraw(deal, assignment, account))

    @router.put("/v1/developer-offers/{hash}/target", openapi_extra=SIGNED)
    def set_target(hash: str, body: TargetBody, account: signer, proof: signed) -> OfferView:
        """Say how many units of an offer this matcher fills for now."""
        offer = parse_hash(hash, field="hash")
        wishes.set_target(offer, body.units, account, proof)
        return reads.read_bid(offer)

    return router
