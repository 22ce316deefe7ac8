"""Routes for quotes, depth and the stream of events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from matcher.api.event_stream import EVENT_NAMES, News, find_position, read_choice, stream
from matcher.api.requirements import to_demand
from matcher.api.views.events import EventJson
from matcher.api.views.offers import DepthView, LevelView, QuoteView, RequirementJson
from matcher.engine.answers.quotes import Depth, depth, quote
from matcher.offers.latencies import check_gateway
from matcher.orderbook.reader import BookReader
from wasmarket.kernel.addresses import parse_address, parse_hash
from wasmarket.kernel.selection.wishes import NO_WISH, parse_wish
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.serving.amounts import Uint
from wasmarket.serving.pages import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    encode_cursor,
)
from wasmarket.serving.texts import AddressText, HashText
from wasmarket.store.chain.events import fetch_latest_events
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database

_NAME = f"({'|'.join(sorted(EVENT_NAMES))})"
Names = Annotated[
    str,
    Query(
        description="event names, comma-separated; none: all",
        json_schema_extra={"pattern": f"^({_NAME}(,{_NAME})*)?$"},
    ),
]
EVENTS = {"schema": {"type": "string", "description": "server-sent events"}}


def book_routes(book: BookReader, database: Database, measured_by: Sequence[str]) -> APIRouter:
    """Return the routes over the book and its events."""
    router = APIRouter()
    news = News(database)

    @router.post("/v1/quotes", tags=["book"])
    def quote_requirement(body: RequirementJson) -> list[QuoteView]:
        """What units like this cost now, and how the price grows; nothing is created."""
        wish = NO_WISH if body.wish is None else parse_wish(body.wish)
        check_gateway(wish, measured_by)
        with book.reading(wish) as snapshot:
            demand = to_demand(body, snapshot.at.epoch_seconds)
            curve = quote(demand, snapshot.book_for(demand))
        return [QuoteView(units=p.units, total=p.total, price_max=p.price_max) for p in curve]

    @router.get("/v1/book/depth", tags=["book"])
    def read_depth(
        region: Annotated[int | None, Query(ge=0, le=255)] = None,
        traits: Uint = 0,
        kind: Annotated[int, Query(ge=0, le=1, description="0 reserved, 1 metered")] = 0,
    ) -> Page[DepthView]:
        """Free units by region and price: per unit and epoch, or per 10^12 work."""
        with book.reading() as snapshot:
            found = depth(snapshot.books[PriceKind(kind)], region=region, traits=traits)
            block = snapshot.at.block
        return Page(items=[_depth(entry) for entry in found], next=None, block=block)

    @router.get(
        "/v1/events",
        tags=["events"],
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": EVENTS}}},
    )
    def stream_events(
        names: Names = "",
        deal: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        peer: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        account: AddressText | None = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        """Market events as they are indexed, all or those about a deal, a peer or an account;
        resumes behind `Last-Event-ID`."""
        owner = None if account is None else parse_address(account, field="account")
        chosen = read_choice(names, deal, peer, owner)
        position = find_position(database, last_event_id)
        lines = stream(news, database, position, chosen)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)

    @router.get("/v1/history", tags=["events"])
    def read_history(
        names: Names = "",
        deal: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        peer: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        account: AddressText | None = None,
        tx: HashText | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[EventJson]:
        """Market events, the newest first: all, or those about a deal, a peer, an account or of
        a transaction."""
        owner = None if account is None else parse_address(account, field="account")
        chosen = read_choice(names, deal, peer, owner)
        if tx is not None:
            chosen = replace(chosen, tx_hash=parse_hash(tx, field="tx"))
        place = decode_cursor(cursor, int, int)
        with database.read() as session:
            at = fetch_indexed(session)
            found = fetch_latest_events(session, before=place, limit=limit, chosen=chosen)
        following = None
        if len(found) == limit:
            following = encode_cursor(found[-1].block, found[-1].log_index)
        return Page(items=[EventJson.build(e) for e in found], next=following, block=at.block)

    return router


def _depth(entry: Depth) -> DepthView:
    levels = [LevelView(price=x.price, peers=x.peers, units=x.units) for x in entry.levels]
    return DepthView(region=entry.region, peers=entry.peers, units=entry.units, levels=levels)
