"""Keep how long peers took to answer, as gateways measured it and matchers took it in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import PeerId, Timestamp
from wasmarket.store.matching.offers import tick_offers
from wasmarket.store.tables import PeerLatencyRow

REFRESH_SECONDS = 900
"""A figure that is what it was gets a newer time only behind this: each change is read by all."""


@dataclass(frozen=True, slots=True)
class StoredLatency:
    """Of one peer by one gateway, as `PeerLatencyRow`; `at` 0: it counts no more."""

    gateway: str
    peer: int
    region: str
    ms: int
    answers: int
    at: int


@dataclass(frozen=True, slots=True)
class GatewayTaken:
    """What is kept of one gateway: of how many peers, the oldest and the newest figure."""

    gateway: str
    region: str
    peers: int
    oldest: int
    newest: int


def save_latencies(session: Session, gateway: str, found: Sequence[StoredLatency]) -> int:
    """Keep what a gateway measured; return how many figures changed. One older is left out."""
    known = {
        row.peer: row
        for row in session.scalars(select(PeerLatencyRow).where(PeerLatencyRow.gateway == gateway))
    }
    changed = [entry for entry in found if _is_news(known.get(PeerId(entry.peer)), entry)]
    if not changed:
        return 0
    version = tick_offers(session)
    for entry in changed:
        session.merge(
            PeerLatencyRow(
                gateway=gateway,
                peer=PeerId(entry.peer),
                region=entry.region,
                ms=entry.ms,
                answers=entry.answers,
                at=Timestamp(entry.at),
                changed=version,
            )
        )
    session.flush()
    return len(changed)


def drop_latencies(session: Session, keep: Collection[str]) -> int:
    """Let figures of other gateways than these count no more; return how many did."""
    query = select(PeerLatencyRow).where(
        PeerLatencyRow.gateway.not_in(list(keep)), PeerLatencyRow.at > 0
    )
    rows = session.scalars(query).all()
    if rows:
        version = tick_offers(session)
        for row in rows:
            row.at, row.changed = Timestamp(0), version
        session.flush()
    return len(rows)


def fetch_changed_latencies(session: Session, after: int) -> list[StoredLatency]:
    """Return the figures that changed behind a version of the offer clock, also what is over."""
    query = select(PeerLatencyRow).where(PeerLatencyRow.changed > after)
    return [_latency_view(row) for row in session.scalars(query.order_by(PeerLatencyRow.changed))]


def fetch_latencies(
    session: Session,
    since: int,
    *,
    gateway: str | None = None,
    peer: int | None = None,
    after: tuple[str, int] | None = None,
    limit: int,
) -> list[StoredLatency]:
    """Return figures not older than `since`, by gateway and peer, behind `after`."""
    row = PeerLatencyRow
    query = select(row).where(row.at >= since, row.at > 0)
    if gateway is not None:
        query = query.where(row.gateway == gateway)
    if peer is not None:
        query = query.where(row.peer == peer)
    if after is not None:
        name, number = after
        query = query.where((row.gateway > name) | ((row.gateway == name) & (row.peer > number)))
    query = query.order_by(row.gateway, row.peer).limit(limit)
    return [_latency_view(found) for found in session.scalars(query)]


def count_latencies(session: Session, since: int) -> list[GatewayTaken]:
    """Return by gateway of how many peers there is a figure not older than `since`."""
    row = PeerLatencyRow
    query = (
        select(
            row.gateway,
            func.max(row.region),
            func.count(),
            func.min(row.at),
            func.max(row.at),
        )
        .where(row.at >= since, row.at > 0)
        .group_by(row.gateway)
        .order_by(row.gateway)
    )
    return [GatewayTaken(*found) for found in session.execute(query)]


def _is_news(row: PeerLatencyRow | None, entry: StoredLatency) -> bool:
    if row is None:
        return True
    if entry.at < row.at:
        return False
    same = (row.ms, row.region) == (entry.ms, entry.region)
    return not same or entry.at >= row.at + REFRESH_SECONDS


def _latency_view(row: PeerLatencyRow) -> StoredLatency:
    return StoredLatency(row.gateway, row.peer, row.region, row.ms, row.answers, row.at)
