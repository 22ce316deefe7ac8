"""The route that tells what this gateway measured of peers, under its name."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from gateway.settings import GatewaySettings
from gateway.upstream.measurements import (
    FAILURES,
    Measurement,
    Measurements,
    Outcome,
    PeerMeasurement,
)

PATH = "/v1/measurements"
MOST = 1_000


class MeasuredByJson(BaseModel):
    """Who measured: what the gateway's operator calls it and says where it is; empty: not said."""

    name: str
    region: str


class MeasuredJson(BaseModel):
    """Requests that went to peers, and how long answers took until they began, microseconds.

    `failed`: nobody listened, it broke off, or took too long. `refused`: the peer left them to
    others (not there, busy, starting), which is no failure. `error_ppm`: failed of answered and
    failed; null if neither. Quantiles are the bounds of classes, at most 28 % too large.
    """

    calls: int
    answered: int
    failed: int
    refused: int
    reasons: dict[str, int]
    error_ppm: int | None
    p50_us: int | None
    p90_us: int | None
    p99_us: int | None


class MeasuredPeerJson(MeasuredJson):
    """Of one peer; `region` as registered, `last_at` seconds of the gateway's clock."""

    peer: int
    region: int
    last_at: int


class MeasuredRegionJson(MeasuredJson):
    """Of all peers of a region."""

    region: int


class MeasurementsJson(BaseModel):
    """What one gateway saw since `since` (seconds): others see other things."""

    measured_by: MeasuredByJson
    since: int
    peers: list[MeasuredPeerJson]
    regions: list[MeasuredRegionJson]


def build_measured_route(measurements: Measurements, settings: GatewaySettings) -> APIRouter:
    """Return the route over what is measured here."""
    router = APIRouter(tags=["measurements"])
    by = MeasuredByJson(name=settings.name, region=settings.region)

    @router.get(PATH)
    async def read_measurements(
        response: Response,
        peer: Annotated[
            list[Annotated[int, Query(ge=1, lt=2**63)]] | None,
            Query(max_length=MOST, description="only of these peers"),
        ] = None,
        after: Annotated[
            int, Query(ge=0, lt=2**63, description=f"only peers behind this number, {MOST} at most")
        ] = 0,
    ) -> MeasurementsJson:
        """Latency and failures of peers as this gateway saw them, since yesterday.

        What one gateway measured, by nobody checked and no part of a reputation.
        """
        # Pages of every origin may show it, beside what they read of the chain.
        response.headers["Access-Control-Allow-Origin"] = "*"
        return MeasurementsJson(
            measured_by=by,
            since=measurements.since,
            peers=[_peer(e) for e in measurements.of_peers(peer, after=after, limit=MOST)],
            regions=[
                MeasuredRegionJson(region=region, **_members(seen))
                for region, seen in measurements.by_region().items()
            ],
        )

    return router


def _peer(entry: PeerMeasurement) -> MeasuredPeerJson:
    return MeasuredPeerJson(
        peer=entry.peer, region=entry.region, last_at=entry.last_at, **_members(entry.seen)
    )


def _members(seen: Measurement) -> dict[str, Any]:
    answered = seen.outcomes.get(Outcome.ANSWERED, 0)
    failed = sum(seen.outcomes.get(kind, 0) for kind in FAILURES)
    return {
        "calls": seen.calls,
        "answered": answered,
        "failed": failed,
        "refused": seen.calls - answered - failed,
        "reasons": {
            kind.value: count for kind, count in seen.outcomes.items() if kind != Outcome.ANSWERED
        },
        "error_ppm": seen.error_ppm,
        "p50_us": seen.p50_us,
        "p90_us": seen.p90_us,
        "p99_us": seen.p99_us,
    }
