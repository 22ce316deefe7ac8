"""Read what ran in epochs: kept totals of those that are final, counted ones of the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from wasmarket.kernel.billing import share
from wasmarket.kernel.units import Address
from wasmarket.store.chain.assignments import fetch_run_ends, fetch_settled
from wasmarket.store.enums import RUNNING_STATES
from wasmarket.store.tables import (
    AssignmentRow,
    CommitmentRow,
    EpochTotalRow,
    PeerRow,
    UnitChangeRow,
)
from wasmarket.store.views import EpochView, Indexed


@dataclass(frozen=True, slots=True)
class Activity:
    """An assignment that ran: from when to when, on which peer, and what an epoch of it costs."""

    start: int
    end: int
    peer: int
    units: int
    rate: int
    first_share: int


class Ran(NamedTuple):
    """What ran on a peer in an epoch, and what it cost, USDC base units."""

    epoch: int
    peer: int
    assignments: int
    units: int
    billed: int


def fetch_epoch(session: Session, at: Indexed, epoch: int) -> EpochView:
    """Return an epoch's figures as of `at`; of one to come, what would run if nothing changed."""
    return fetch_epochs(session, at, epoch, epoch)[0]


def fetch_epochs(
    session: Session,
    at: Indexed,
    first: int,
    last: int,
    *,
    activities: Sequence[Activity] | None = None,
) -> list[EpochView]:
    """Return the figures of epochs `first` … `last`, which are few.

    `activities`: those of the epochs that are not final, if they were read as of `at` before.
    """
    kept: dict[int, EpochView] = {
        row.epoch: _view(
            at, row.epoch, row.committed, row.peers, row.assignments, row.units, row.billed
        )
        for row in session.scalars(
            select(EpochTotalRow).where(EpochTotalRow.epoch.between(first, last))
        )
    }
    missing = [epoch for epoch in range(first, last + 1) if epoch not in kept]
    if missing:
        if activities is None or missing[0] <= at.final_epoch:
            activities = fetch_activities(session, at, missing[0], missing[-1])
        ran = sum_activities(activities, missing[0], missing[-1])
        counted = count_epochs(session, at, missing[0], missing[-1], ran)
        kept |= {view.epoch: view for view in counted if view.epoch not in kept}
    return [kept[epoch] for epoch in range(first, last + 1)]


def fetch_activities(
    session: Session,
    at: Indexed,
    first: int,
    last: int | None = None,
    *,
    peer: int | None = None,
    provider: Address | None = None,
) -> list[Activity]:
    """Return what ran in epochs `first` … `last`, or in any from `first` on.

    `peer`, `provider`: only of it.
    """
    columns = (
        AssignmentRow.start,
        AssignmentRow.end,
        AssignmentRow.peer,
        AssignmentRow.units,
        AssignmentRow.price,
        AssignmentRow.skipped,
        AssignmentRow.deal,
        AssignmentRow.run,
        AssignmentRow.state,
    )
    query = select(*columns).where(
        AssignmentRow.start.is_not(None),
        or_(AssignmentRow.end.is_(None), AssignmentRow.end >= first),
    )
    if last is not None:
        query = query.where(AssignmentRow.start <= last)
    if peer is not None:
        query = query.where(AssignmentRow.peer == peer)
    if provider is not None:
        query = query.join(PeerRow, PeerRow.id == AssignmentRow.peer).where(
            PeerRow.provider == provider
        )
    rows = session.execute(query).all()
    deals = fetch_settled(session, at, {row.deal for row in rows})
    runs = fetch_run_ends(session, deals)
    activities = []
    for row in rows:
        end: int | None = row.end
        if row.state in RUNNING_STATES:
            terms = deals[row.deal].terms
            end = runs[row.deal, row.run] if row.run < terms.run else terms.end
        # Without an end it never ran to one: its only epoch was given back whole.
        if row.start is not None and end is not None and end >= first:
            # Metered units are billed by vouchers, not by the epoch, whatever became of them.
            rate = 0 if deals[row.deal].terms.metered else row.price * row.units
            part = share(rate, row.skipped)
            activities.append(Activity(row.start, end, row.peer, row.units, rate, part))
    return activities


def sum_activities(activities: Iterable[Activity], first: int, last: int) -> list[Ran]:
    """Return what ran in epochs `first` … `last`, by epoch and peer.

    By where each begins and ends: an assignment of a thousand epochs is looked at twice.
    """
    changes: dict[int, dict[int, list[int]]] = {}
    for activity in activities:
        begin, end = max(first, activity.start), min(last, activity.end)
        if begin > end:
            continue
        of_peer = changes.setdefault(activity.peer, {})
        more = of_peer.setdefault(begin, [0, 0, 0, 0])
        more[0] += 1
        more[1] += activity.units
        more[2] += activity.rate
        if begin == activity.start:
            more[3] += activity.first_share - activity.rate
        less = of_peer.setdefault(end + 1, [0, 0, 0, 0])
        less[0] -= 1
        less[1] -= activity.units
        less[2] -= activity.rate
    found: list[Ran] = []
    for peer, of_peer in changes.items():
        assignments = units = rate = 0
        for epoch, until in pairwise(sorted(of_peer)):
            change = of_peer[epoch]
            assignments += change[0]
            units += change[1]
            rate += change[2]
            if assignments:
                found.append(Ran(epoch, peer, assignments, units, rate + change[3]))
                found += [Ran(e, peer, assignments, units, rate) for e in range(epoch + 1, until)]
    found.sort()
    return found


def count_epochs(
    session: Session, at: Indexed, first: int, last: int, ran: Iterable[Ran]
) -> list[EpochView]:
    """Return the figures of epochs `first` … `last` from what ran in them."""
    counts = {epoch: [0, 0, 0, 0] for epoch in range(first, last + 1)}
    for entry in ran:
        count = counts[entry.epoch]
        count[0] += 1
        count[1] += entry.assignments
        count[2] += entry.units
        count[3] += entry.billed
    committed = {
        int(epoch): int(peers)
        for epoch, peers in session.execute(
            select(CommitmentRow.epoch, func.count())
            .where(CommitmentRow.epoch.between(first, last), CommitmentRow.peer > 0)
            .group_by(CommitmentRow.epoch)
        )
    }
    return [_view(at, epoch, committed.get(epoch, 0), *count) for epoch, count in counts.items()]


def fetch_offered_units(session: Session, first: int, last: int) -> list[int]:
    """Return how many units peers had at the end of each of the epochs `first` … `last`.

    Counted back from what they have now: two questions, the second of what changed since.
    """
    units = int(session.scalar(select(func.sum(PeerRow.units))) or 0)
    row = UnitChangeRow
    query = select(row.epoch, func.sum(row.delta)).where(row.epoch > first).group_by(row.epoch)
    changes = {int(epoch): int(delta) for epoch, delta in session.execute(query)}
    units -= sum(delta for epoch, delta in changes.items() if epoch > last)
    offered = []
    for epoch in range(last, first - 1, -1):
        offered.append(units)
        units -= changes.get(epoch, 0)
    return offered[::-1]


def fetch_first_epoch(session: Session) -> int | None:
    """Return the first epoch in which anything ran; None before that."""
    return session.scalar(select(func.min(AssignmentRow.start)))


def fetch_last_total(session: Session) -> int | None:
    """Return the newest epoch whose totals are kept."""
    return session.scalar(select(func.max(EpochTotalRow.epoch)))


def _view(
    at: Indexed,
    epoch: int,
    committed: int,
    peers: int,
    assignments: int,
    units: int,
    billed: int,
) -> EpochView:
    return EpochView(
        epoch=epoch,
        start=epoch * at.epoch_seconds,
        end=(epoch + 1) * at.epoch_seconds,
        is_final=epoch <= at.final_epoch,
        committed=committed,
        peers=peers,
        assignments=assignments,
        units=units,
        billed=billed,
    )
