"""Read what ran in epochs: kept totals of those that are final, counted ones of the rest."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import DealTerms, Settlement, settle, share
from wasmarket.kernel.units import Address
from wasmarket.store.chain.assignments import TERMS, fetch_run_ends
from wasmarket.store.enums import RUNNING_STATES
from wasmarket.store.tables import (
    AssignmentRow,
    CommitmentRow,
    DealRow,
    EpochTotalRow,
    PeerRow,
    UnitChangeRow,
)
from wasmarket.store.views import EpochView, Indexed


class Activity(msgspec.Struct, frozen=True, gc=False):
    """An assignment that ran: from when to when, on which peer, and what an epoch of it costs."""

    start: int
    end: int
    peer: int
    units: int
    rate: int
    first_share: int


Ran = tuple[int, int, int, int, int]
"""An epoch, a peer, how many assignments and units it ran, and what they cost, USDC base units."""

AT_ONCE = 2_000
"""Assignments in memory while all that ran is looked through."""


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
    return list(read_activities(session, at, first, last, peer=peer, provider=provider))


def read_activities(
    session: Session,
    at: Indexed,
    first: int,
    last: int | None = None,
    *,
    peer: int | None = None,
    provider: Address | None = None,
) -> Iterator[Activity]:
    """Yield the same, few of them in memory at a time: a market may have any number that run."""
    query = select(*_RAN, *TERMS).where(
        DealRow.id == AssignmentRow.deal,
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
    rows = session.execute(query, execution_options={"yield_per": AT_ONCE})
    for part in rows.partitions():
        yield from _activities_of(session, at, first, part)


_RAN = (
    AssignmentRow.start,
    AssignmentRow.end,
    AssignmentRow.peer,
    AssignmentRow.units,
    AssignmentRow.price,
    AssignmentRow.skipped,
    AssignmentRow.run,
    AssignmentRow.state,
)


def _activities_of(
    session: Session, at: Indexed, first: int, rows: Sequence[Any]
) -> Iterator[Activity]:
    """Yield what ran of some assignments from epoch `first` on."""
    deals: dict[int, Settlement] = {}
    for *_, state, deal, meter, balance, rate, settled, end, units, run, stopped in rows:
        if state in RUNNING_STATES and deal not in deals:
            is_metered = meter != ZERO_ADDRESS
            terms = DealTerms(balance, rate, settled, end, units, run, stopped, is_metered)
            deals[deal] = settle(terms, at.epoch)
    runs = fetch_run_ends(session, deals)
    for start, end, peer, units, price, skipped, run, state, deal, meter, *_ in rows:
        last: int | None = end
        if state in RUNNING_STATES:
            terms = deals[deal].terms
            last = runs[deal, run] if run < terms.run else terms.end
        # Without an end it never ran to one: its only epoch was given back whole.
        if last is not None and last >= first:
            # Metered units are billed by vouchers, not by the epoch, whatever became of them.
            rate = price * units if meter == ZERO_ADDRESS else 0
            yield Activity(start, last, peer, units, rate, share(rate, skipped))


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
                found.append((epoch, peer, assignments, units, rate + change[3]))
                found += [(e, peer, assignments, units, rate) for e in range(epoch + 1, until)]
    found.sort()
    return found


def count_epochs(
    session: Session, at: Indexed, first: int, last: int, ran: Iterable[Ran]
) -> list[EpochView]:
    """Return the figures of epochs `first` … `last` from what ran in them."""
    counts = {epoch: [0, 0, 0, 0] for epoch in range(first, last + 1)}
    for epoch, _, assignments, units, billed in ran:
        count = counts[epoch]
        count[0] += 1
        count[1] += assignments
        count[2] += units
        count[3] += billed
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
