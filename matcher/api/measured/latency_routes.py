"""Routes that tell what is taken here of gateways' measurements."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from matcher.engine.facts import LATENCY_SECONDS
from wasmarket.kernel.selection.peer_document import MAX_TEXT
from wasmarket.serving.pages import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    decode_cursor,
    encode_cursor,
)
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database
from wasmarket.store.matching.peers.latencies import (
    GatewayTaken,
    count_latencies,
    fetch_latencies,
)


class MeasuringGatewayJson(BaseModel):
    """A gateway that a wish for a latency may name: `gateway` is its URL, `region` what it says of
    where it is, `peers` of how many there is a figure now; the oldest and newest, chain time."""

    gateway: str
    region: str
    peers: int
    oldest: int | None
    newest: int | None


class LatencyJson(BaseModel):
    """What nine of ten answers of a peer did not exceed, as the gateway said; `at`: when it last
    had one, chain time. Nobody has checked it."""

    gateway: str
    region: str
    peer: int
    ms: int
    answers: int
    at: int


def latency_routes(database: Database, gateways: Sequence[str]) -> APIRouter:
    """Return the routes over what gateways measured."""
    router = APIRouter(tags=["peers"])

    @router.get("/v1/measuring-gateways")
    def list_measuring_gateways() -> list[MeasuringGatewayJson]:
        """The gateways whose measurements are taken here, and how much there is of each."""
        with database.read() as session:
            since = fetch_indexed(session).timestamp - LATENCY_SECONDS
            taken = {found.gateway: found for found in count_latencies(session, since)}
        return [_gateway(name, taken.get(name)) for name in gateways]

    @router.get("/v1/latencies")
    def list_latencies(
        gateway: Annotated[str | None, Query(min_length=1, max_length=MAX_TEXT)] = None,
        peer: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[LatencyJson]:
        """Latencies of peers by gateway and peer, those that count now."""
        with database.read() as session:
            at = fetch_indexed(session)
            found = fetch_latencies(
                session,
                at.timestamp - LATENCY_SECONDS,
                gateway=gateway,
                peer=peer,
                after=decode_cursor(cursor, str, int),
                limit=limit,
            )
        following = None
        if len(found) == limit:
            following = encode_cursor(found[-1].gateway, found[-1].peer)
        items = [
            LatencyJson(
                gateway=entry.gateway,
                region=entry.region,
                peer=entry.peer,
                ms=entry.ms,
                answers=entry.answers,
                at=entry.at,
            )
            for entry in found
        ]
        return Page(items=items, next=following, block=at.block)

    return router


def _gateway(name: str, taken: GatewayTaken | None) -> MeasuringGatewayJson:
    return MeasuringGatewayJson(
        gateway=name,
        region="" if taken is None else taken.region,
        peers=0 if taken is None else taken.peers,
        oldest=None if taken is None else taken.oldest,
        newest=None if taken is None else taken.newest,
    )
