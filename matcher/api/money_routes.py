"""Routes for what moved: claims, vouchers, and money into deals and back, by account and time."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query

from matcher.api.views.audits import RedemptionJson
from matcher.api.views.money import DealChangeJson, PaidClaimJson
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.units import Address
from wasmarket.serving.pages import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    encode_cursor,
)
from wasmarket.serving.texts import AddressText
from wasmarket.store.chain.money import (
    MoneyChoice,
    fetch_claims_of,
    fetch_deal_changes_of,
    fetch_redemptions_of,
)
from wasmarket.store.chain.state import Place, fetch_indexed
from wasmarket.store.database import Database, Session

Deal = Annotated[int | None, Query(ge=0, lt=2**63)]
Since = Annotated[int, Query(ge=0, lt=2**63, description="chain time, seconds")]
Item = TypeVar("Item")
Fetch = Callable[[Session, MoneyChoice, Place | None, int], Sequence[Any]]


def money_routes(database: Database) -> APIRouter:
    """Return the routes over the store's tables of claims, vouchers and changes of deals."""
    router = APIRouter(tags=["money"])

    @router.get("/v1/claims")
    def list_claims(
        deal: Deal = None,
        developer: AddressText | None = None,
        provider: AddressText | None = None,
        since: Since = 0,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[PaidClaimJson]:
        """What was paid for epochs of assignments, and what of them went back, as the chain has
        it."""
        chosen = MoneyChoice(deal, _account(developer), _account(provider), since)
        return _page(database, fetch_claims_of, chosen, PaidClaimJson.build, cursor, limit)

    @router.get("/v1/redemptions")
    def list_all_redemptions(
        deal: Deal = None,
        developer: AddressText | None = None,
        provider: AddressText | None = None,
        since: Since = 0,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[RedemptionJson]:
        """Vouchers of metered deals that were redeemed, as the chain has them."""
        chosen = MoneyChoice(deal, _account(developer), _account(provider), since)
        return _page(database, fetch_redemptions_of, chosen, RedemptionJson.build, cursor, limit)

    @router.get("/v1/deal-changes")
    def list_deal_changes(
        deal: Deal = None,
        developer: AddressText | None = None,
        since: Since = 0,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[DealChangeJson]:
        """Money that went into deals and came back, and what else changed them."""
        chosen = MoneyChoice(deal, _account(developer), None, since)
        return _page(database, fetch_deal_changes_of, chosen, DealChangeJson.build, cursor, limit)

    return router


def _account(text: str | None) -> Address | None:
    return None if text is None else parse_address(text, field="account")


def _page(
    database: Database,
    fetch: Fetch,
    chosen: MoneyChoice,
    build: Callable[[Any], Item],
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    """Return the page of rows in the order of the chain that begins behind the cursor."""
    key = decode_cursor(cursor, int, int)
    with database.read() as session:
        at = fetch_indexed(session)
        rows = fetch(session, chosen, None if key is None else (key[0], key[1]), limit)
    following = encode_cursor(rows[-1].block, rows[-1].log_index) if len(rows) == limit else None
    return Page(items=[build(row) for row in rows], next=following, block=at.block)
