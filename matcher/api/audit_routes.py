"""Routes for vouchers that were redeemed, and for asks, accusations and juries."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query

from matcher.api.views.audits import (
    CaseDetail,
    CaseJson,
    ContradictionJson,
    RedemptionJson,
    SeatJson,
)
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.events.audits import CaseState
from wasmarket.serving.pages import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    encode_cursor,
)
from wasmarket.serving.texts import AddressText
from wasmarket.store.audit_views import ContradictionView, RedemptionView
from wasmarket.store.chain.audits import (
    fetch_case,
    fetch_cases,
    fetch_contradictions,
    fetch_seats,
    fetch_votes,
)
from wasmarket.store.chain.deals import fetch_deal
from wasmarket.store.chain.history import fetch_redemptions
from wasmarket.store.chain.state import Place, fetch_indexed
from wasmarket.store.database import Database, Session

Number = Annotated[int, Path(ge=0, lt=2**63)]
Wanted = Annotated[int | None, Query(ge=0, lt=2**63)]
CaseStateName = Annotated[str, Query(pattern="^(open|drawn|shown|closed)$")]
Placed = TypeVar("Placed", RedemptionView, ContradictionView)
Item = TypeVar("Item")


def audit_routes(database: Database) -> APIRouter:
    """Return the routes over the store's tables of vouchers and audits."""
    router = APIRouter()

    @router.get("/v1/deals/{deal}/redemptions", tags=["deals"])
    def list_redemptions(
        deal: Number,
        assignment: Wanted = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[RedemptionJson]:
        """Vouchers of a metered deal that were redeemed, in the order of the chain."""

        def fetch(session: Session, after: Place | None) -> Sequence[RedemptionView]:
            fetch_deal(session, fetch_indexed(session), deal)
            return fetch_redemptions(
                session, deal=deal, assignment=assignment, after=after, limit=limit
            )

        return _page(database, fetch, RedemptionJson.build, cursor, limit)

    @router.get("/v1/cases", tags=["audits"])
    def list_cases(
        assignment: Wanted = None,
        by: AddressText | None = None,
        state: CaseStateName | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[CaseJson]:
        """Asks and accusations by number."""
        key = decode_cursor(cursor, int)
        with database.read() as session:
            at = fetch_indexed(session)
            rows = fetch_cases(
                session,
                assignment=assignment,
                by=None if by is None else parse_address(by, field="by"),
                state=None if state is None else CaseState[state.upper()],
                after=key[0] if key else 0,
                limit=limit,
            )
        following = encode_cursor(rows[-1].id) if len(rows) == limit else None
        return Page(items=[CaseJson.build(r) for r in rows], next=following, block=at.block)

    @router.get("/v1/cases/{case}", tags=["audits"])
    def read_case(case: Number) -> CaseDetail:
        """One case with the votes of its jury."""
        with database.read() as session:
            at = fetch_indexed(session)
            return CaseDetail.of(fetch_case(session, case), fetch_votes(session, case), at.block)

    @router.get("/v1/contradictions", tags=["audits"])
    def list_contradictions(
        assignment: Wanted = None, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[ContradictionJson]:
        """Peers that were convicted by their own words, in the order of the chain."""

        def fetch(session: Session, after: Place | None) -> Sequence[ContradictionView]:
            return fetch_contradictions(session, assignment=assignment, after=after, limit=limit)

        return _page(database, fetch, ContradictionJson.build, cursor, limit)

    @router.get("/v1/seats", tags=["audits"])
    def list_seats(peer: Wanted = None) -> Page[SeatJson]:
        """The places of jurors that are taken."""
        with database.read() as session:
            at = fetch_indexed(session)
            rows = fetch_seats(session, peer=peer)
        return Page(items=[SeatJson.build(row) for row in rows], next=None, block=at.block)

    return router


def _page(
    database: Database,
    fetch: Callable[[Session, Place | None], Sequence[Placed]],
    build: Callable[[Any], Item],
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    """Return the page of rows in the order of the chain that begins behind the cursor."""
    key = decode_cursor(cursor, int, int)
    with database.read() as session:
        at = fetch_indexed(session)
        rows = fetch(session, None if key is None else (key[0], key[1]))
    following = encode_cursor(rows[-1].block, rows[-1].log_index) if len(rows) == limit else None
    return Page(items=[build(row) for row in rows], next=following, block=at.block)
