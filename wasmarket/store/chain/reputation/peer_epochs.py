"""Read in which final epochs peers had something to run, and whether they proved it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, insert, literal, select
from sqlalchemy.orm import Session

from wasmarket.kernel.reputation.figures import EpochOfPeers, PeerEpoch, sum_peer_epochs
from wasmarket.kernel.units import Address, BlockNumber
from wasmarket.store.chain.epochs import (
    Activity,
    Ran,
    fetch_activities,
    fetch_last_total,
    sum_activities,
)
from wasmarket.store.tables import CommitmentRow, PeerEpochRow, PeerRow, ProviderEpochRow
from wasmarket.store.views import Indexed


@dataclass(frozen=True, slots=True)
class PeerProofs:
    """In how many final epochs a peer ran, and proved; `proven_pay` USDC base units."""

    active: int = 0
    proven: int = 0
    proven_pay: int = 0

    def plus(self, other: "PeerProofs") -> "PeerProofs":
        """Return both together."""
        return PeerProofs(
            self.active + other.active,
            self.proven + other.proven,
            self.proven_pay + other.proven_pay,
        )


_SUMS: dict[str, ColumnElement[Any]] = {
    "active": func.count(),
    "proven": func.sum(case((PeerEpochRow.proven, 1), else_=0)),
    "assignments": func.sum(PeerEpochRow.assignments),
    "units": func.sum(PeerEpochRow.units),
    "billed": func.sum(PeerEpochRow.billed),
    "proven_pay": func.sum(case((PeerEpochRow.proven, PeerEpochRow.billed), else_=0)),
}
"""What peers of an epoch come to together, by column of `ProviderEpochRow`."""

SLICE = 50
"""Epochs whose proofs are in memory at once."""


def count_peer_epochs(
    session: Session, first: int, last: int, activities: Sequence[Activity]
) -> Iterator[list[PeerEpoch]]:
    """Yield for some epochs at a time which peers ran in them, by epoch and peer."""
    for begin in range(first, last + 1, SLICE):
        end = min(last, begin + SLICE - 1)
        yield judge_epochs(session, begin, end, sum_activities(activities, begin, end))


def judge_epochs(session: Session, first: int, last: int, ran: Sequence[Ran]) -> list[PeerEpoch]:
    """Return by epoch and peer whether what ran in epochs `first` … `last` was proved."""
    proven = fetch_proven(session, first, last, ran)
    return [
        PeerEpoch(peer, epoch, assignments, units, billed, (epoch, peer) in proven)
        for epoch, peer, assignments, units, billed in ran
    ]


def fetch_proven(
    session: Session, first: int, last: int, ran: Sequence[Ran]
) -> set[tuple[int, int]]:
    """Return which (epoch, peer) of epochs `first` … `last` were proved, of what ran at least."""
    if not ran:
        return set()
    query = select(CommitmentRow.epoch, CommitmentRow.peer).where(
        CommitmentRow.epoch.between(first, last)
    )
    peers = {peer for _, peer, *_ in ran}
    if len(peers) == 1:
        query = query.where(CommitmentRow.peer == peers.pop())
    return {(epoch, peer) for epoch, peer in session.execute(query)}


def fetch_last_kept(session: Session) -> int:
    """Return the newest epoch that is kept, -1 before the first: later ones are counted."""
    kept = fetch_last_total(session)
    return -1 if kept is None else kept


def fetch_kept_peer_epochs(session: Session, first: int, last: int) -> list[PeerEpoch]:
    """Return what is kept of the epochs `first` … `last`, by epoch and peer."""
    row = PeerEpochRow
    columns = (row.peer, row.epoch, row.assignments, row.units, row.billed, row.proven)
    query = select(*columns).where(row.epoch.between(first, last)).order_by(row.epoch, row.peer)
    return [PeerEpoch(*found) for found in session.execute(query)]


def keep_provider_epochs(session: Session, first: int, last: int, block: BlockNumber) -> None:
    """Keep what peers' kept epochs `first` … `last` come to by provider, as of a block."""
    row = PeerEpochRow
    query = (
        select(PeerRow.provider, row.epoch, literal(block), *_SUMS.values())
        .join(PeerRow, PeerRow.id == row.peer)
        .where(row.epoch.between(first, last))
        .group_by(PeerRow.provider, row.epoch)
    )
    columns = ("provider", "epoch", "block_number", *_SUMS)
    session.execute(insert(ProviderEpochRow).from_select(columns, query))


def fetch_providers_of_epochs(session: Session) -> list[Address]:
    """Return the providers of which epochs are kept, or may be."""
    query = select(PeerRow.provider).union(select(ProviderEpochRow.provider))
    return sorted(session.scalars(query))


def fetch_provider_epochs(
    session: Session, provider: Address, first: int, last: int
) -> list[EpochOfPeers]:
    """Return what is kept of the epochs `first` … `last` of a provider."""
    row = ProviderEpochRow
    query = (
        select(row.epoch, *(getattr(row, name) for name in _SUMS))
        .where(row.provider == provider, row.epoch.between(first, last))
        .order_by(row.epoch)
    )
    return _read(session, query)


def sum_provider_epochs(session: Session, provider: Address) -> list[EpochOfPeers]:
    """Add up what is kept of the epochs of a provider's peers."""
    row = PeerEpochRow
    query = select(row.epoch, *_SUMS.values()).join(PeerRow, PeerRow.id == row.peer)
    query = query.where(PeerRow.provider == provider).group_by(row.epoch).order_by(row.epoch)
    return _read(session, query)


def _fetch_one_peers_epochs(
    session: Session, peer: int, first: int, last: int
) -> list[EpochOfPeers]:
    row = PeerEpochRow
    query = select(row.epoch, *_SUMS.values()).group_by(row.epoch).order_by(row.epoch)
    return _read(session, query.where(row.peer == peer, row.epoch.between(first, last)))


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> list[EpochOfPeers]:
    return [EpochOfPeers(*map(int, row)) for row in session.execute(query)]


def fetch_epochs_of_peers(
    session: Session,
    at: Indexed,
    first: int,
    last: int,
    *,
    peer: int | None = None,
    provider: Address | None = None,
) -> list[EpochOfPeers]:
    """Return the final epochs `first` … `last` in which a peer, or peers of a provider, ran."""
    last = min(last, at.final_epoch)
    kept = fetch_last_kept(session)
    if provider is not None:
        found = fetch_provider_epochs(session, provider, first, min(last, kept))
    else:
        assert peer is not None
        found = _fetch_one_peers_epochs(session, peer, first, min(last, kept))
    begin = max(first, kept + 1)
    if begin <= last:
        activities = fetch_activities(session, at, begin, last, peer=peer, provider=provider)
        for entries in count_peer_epochs(session, begin, last, activities):
            found += sum_peer_epochs(entries)
    return found


def fetch_proofs_by_peer(
    session: Session, at: Indexed, first: int, last: int
) -> dict[int, PeerProofs]:
    """Return by peer in how many of the final epochs `first` … `last` it ran, and proved."""
    kept = fetch_last_kept(session)
    row = PeerEpochRow
    query = (
        select(
            row.peer,
            func.count(),
            func.sum(case((row.proven, 1), else_=0)),
            func.sum(case((row.proven, row.billed), else_=0)),
        )
        .where(row.epoch.between(first, min(last, kept)))
        .group_by(row.peer)
    )
    found = {int(peer): PeerProofs(*map(int, counts)) for peer, *counts in session.execute(query)}
    begin = max(first, kept + 1)
    if begin <= last:
        activities = fetch_activities(session, at, begin, last)
        for entries in count_peer_epochs(session, begin, last, activities):
            for entry in entries:
                pay = entry.billed if entry.proven else 0
                more = PeerProofs(1, int(entry.proven), pay)
                found[entry.peer] = found.get(entry.peer, PeerProofs()).plus(more)
    return found
