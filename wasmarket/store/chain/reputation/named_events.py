"""Read the events that figures count, each with its place on the chain, the newest first."""

from dataclasses import dataclass

from msgspec.json import decode as from_json
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from wasmarket.kernel.reputation.kinds import ReputationKind
from wasmarket.kernel.units import Address
from wasmarket.store.chain.events import EventChoice, fetch_latest_events
from wasmarket.store.chain.state import Place
from wasmarket.store.tables import ReputationEventRow

FIRST_EPOCHS = 2
"""So many of the newest are looked through at first, then four times as many."""


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """One event of a peer, in `epoch` by its block; `kind` None: it committed `proven_epoch`.

    `paid` and `refunded` USDC base units, `seized` FLT base units.
    """

    block: int
    log_index: int
    tx_hash: str
    kind: ReputationKind | None
    peer: int
    epoch: int
    deal: int | None = None
    assignment: int | None = None
    reason: int | None = None
    units: int = 0
    paid: int = 0
    refunded: int = 0
    seized: int = 0
    proven_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class WhoseEvents:
    """A peer, or all peers of a provider."""

    peer: int | None = None
    provider: Address | None = None


def fetch_named_events(
    session: Session,
    whose: WhoseEvents,
    kinds: tuple[ReputationKind, ...],
    *,
    first: int = 0,
    before: Place | None = None,
    limit: int = 100,
) -> list[NamedEvent]:
    """Return events of some kinds, all without any, from blocks of epoch `first` on."""
    row = ReputationEventRow
    place = (row.block_number, row.log_index)
    of_whom = row.peer == whose.peer if whose.peer is not None else row.provider == whose.provider
    query = select(row).where(of_whom).order_by(place[0].desc(), place[1].desc())
    if kinds:
        query = query.where(row.kind.in_(kinds))
    newest: int | None = session.scalar(select(func.max(row.epoch)).where(of_whom))
    if before is not None:
        query = query.where(tuple_(*place) < before)
        of_page = select(row.epoch).where(row.block_number >= before[0])
        seen = session.scalar(of_page.order_by(row.block_number).limit(1))
        newest = newest if newest is None or seen is None else min(newest, seen)
    found: list[ReputationEventRow] = []
    epochs = FIRST_EPOCHS
    # Epochs are in the order of places: the newest few have a page of whoever has much.
    while newest is not None and newest >= first and len(found) < limit:
        begin = max(first, newest - epochs + 1)
        some = query.where(row.epoch.between(begin, newest)).limit(limit - len(found))
        found += session.scalars(some)
        newest, epochs = begin - 1, epochs * 4
    return [_view(entry) for entry in found]


def _view(found: ReputationEventRow) -> NamedEvent:
    return NamedEvent(
        found.block_number,
        found.log_index,
        found.tx_hash,
        ReputationKind(found.kind),
        found.peer,
        found.epoch,
        found.deal,
        found.assignment,
        found.reason,
        found.units,
        found.paid,
        found.refunded,
        found.seized,
    )


def fetch_proofs(
    session: Session,
    whose: WhoseEvents,
    epoch_seconds: int,
    *,
    first: int = 0,
    before: Place | None = None,
    limit: int = 100,
) -> list[NamedEvent]:
    """Return commitments to epochs, those of blocks of epoch `first` on."""
    chosen = EventChoice({"Committed"}, peer=whose.peer, account=whose.provider)
    return [
        NamedEvent(
            event.block,
            event.log_index,
            event.tx_hash,
            None,
            int(event.peer or 0),
            event.timestamp // epoch_seconds,
            proven_epoch=int(from_json(event.data)["epoch"]),
        )
        for event in fetch_latest_events(session, before=before, limit=limit, chosen=chosen)
        if event.timestamp // epoch_seconds >= first
    ]
