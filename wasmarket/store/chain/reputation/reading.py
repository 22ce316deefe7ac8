"""Read how peers and providers kept what they sold (docs/reference/reputation.md)."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.reputation.figures import (
    PROVEN_OVER,
    WINDOWS,
    EpochOfPeers,
    EventCount,
    Figures,
    count_figures,
    first_of_window,
)
from wasmarket.kernel.reputation.kinds import LOST, ReputationKind
from wasmarket.kernel.units import Address
from wasmarket.store.chain.reputation.peer_epochs import fetch_epochs_of_peers, fetch_proofs_by_peer
from wasmarket.store.chain.reputation.summaries import fetch_summaries
from wasmarket.store.chain.state import batches
from wasmarket.store.tables import PeerRow, ReputationEventRow
from wasmarket.store.views import Indexed


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """What a match may ask of a peer: `uptime_ppm` is None where it had nothing to prove.

    `age_epochs` since it was registered; the others are of the last epochs that were asked for.
    """

    peer: int
    age_epochs: int
    uptime_ppm: int | None
    evictions: int


@dataclass(frozen=True, slots=True)
class ReputationView:
    """What the chain says of a peer or provider, as of a block.

    `since` is the epoch of its (first peer's) registration, `units` what it sells, `windows` the
    figures by number of final epochs; `days` the epochs that were proven or not, `events` the
    events, of the longest.
    """

    provider: Address
    since: int
    units: int
    windows: dict[int, Figures]
    days: tuple[EpochOfPeers, ...]
    events: tuple[EventCount, ...]


def lacks_reputations(session: Session) -> bool:
    """Say whether an older version indexed peers and kept no events for reputations."""
    has_peer = session.scalar(select(PeerRow.id).limit(1)) is not None
    return has_peer and session.scalar(select(ReputationEventRow.peer).limit(1)) is None


def fetch_peer_records(
    session: Session, at: Indexed, *, epochs: int = PROVEN_OVER
) -> dict[int, PeerRecord]:
    """Return the record of every peer over the last `epochs` final epochs, in three queries.

    Events since the last final epoch count too. Changes with epochs and with what ends.
    """
    first = first_of_window(at.final_epoch, epochs)
    proofs = fetch_proofs_by_peer(session, at, first, at.final_epoch)
    return {
        peer: PeerRecord(peer, summary.age_epochs(at), summary.uptime_ppm, summary.evictions)
        for peer, summary in fetch_summaries(session, first, proofs).items()
    }


def has_peer(session: Session, *, peer: int | None = None, provider: Address | None = None) -> bool:
    """Say whether there is such a peer, or a peer of such a provider."""
    of_whom = PeerRow.id == peer if peer is not None else PeerRow.provider == provider
    return session.scalar(select(PeerRow.id).where(of_whom).limit(1)) is not None


def fetch_reputation(
    session: Session,
    at: Indexed,
    *,
    peer: int | None = None,
    provider: Address | None = None,
    windows: Collection[int] = WINDOWS,
) -> ReputationView | None:
    """Return the figures of a peer or of all peers of a provider; None if there is none."""
    of_whom = PeerRow.id == peer if peer is not None else PeerRow.provider == provider
    owner, since, units = session.execute(
        select(
            func.min(PeerRow.provider), func.min(PeerRow.registered_at), func.sum(PeerRow.units)
        ).where(of_whom)
    ).one()
    if owner is None:
        return None
    last = at.final_epoch
    first = first_of_window(last, max(windows))
    days = fetch_epochs_of_peers(session, at, first, last, peer=peer, provider=provider)
    events = _fetch_event_counts(session, first, peer=peer, provider=provider)
    return ReputationView(
        provider=owner,
        units=int(units),
        since=since // at.epoch_seconds,
        windows={
            window: count_figures(days, events, first=first_of_window(last, window), last=last)
            for window in sorted(windows)
        },
        days=tuple(days),
        events=tuple(events),
    )


def _fetch_event_counts(
    session: Session, first: int, *, peer: int | None, provider: Address | None
) -> list[EventCount]:
    row = ReputationEventRow
    of_whom = row.peer == peer if peer is not None else row.provider == provider
    query = (
        select(
            row.epoch,
            row.kind,
            row.reason,
            func.count(),
            func.sum(row.paid),
            func.sum(row.refunded),
        )
        .where(of_whom, row.epoch >= first)
        .group_by(row.epoch, row.kind, row.reason)
        .order_by(row.epoch, row.kind, row.reason)
    )
    found = session.execute(query).all()
    lost = {(entry.epoch, entry.kind) for entry in found if entry.kind in LOST}
    seized: dict[tuple[int, str, int | None], int] = {}
    # FLT is too large for sums of databases; most amounts are one of a few.
    group = (row.epoch, row.kind, row.reason, row.seized)
    for epochs in batches(epoch for epoch, _ in lost):
        amounts = (
            select(*group, func.count())
            .where(of_whom, row.epoch.in_(epochs), row.kind.in_({kind for _, kind in lost}))
            .group_by(*group)
        )
        for epoch, kind, reason, amount, count in session.execute(amounts):
            key = (epoch, kind, reason)
            seized[key] = seized.get(key, 0) + amount * count
    return [
        EventCount(
            int(epoch),
            ReputationKind(kind),
            None if reason is None else int(reason),
            int(count),
            int(paid),
            int(refunded),
            seized.get((epoch, kind, reason), 0),
        )
        for epoch, kind, reason, count, paid, refunded in found
    ]
