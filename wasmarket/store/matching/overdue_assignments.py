"""Find assignments that somebody should end: peers that are late or silent, and what is dead."""

from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Address
from wasmarket.store.chain.assignments import OPEN, fetch_chosen
from wasmarket.store.enums import RUNNING_STATES, AssignmentState
from wasmarket.store.matching.live_offers import lasts_epochs
from wasmarket.store.tables import (
    AssignmentRow,
    BlockRow,
    CommitmentRow,
    DealRow,
    DeveloperOfferRow,
    PeerRow,
)
from wasmarket.store.views import AssignmentView, Indexed

MOST = 640
"""Assignments given at once; the rest come when these are gone."""


def fetch_late(
    session: Session, at: Indexed, matchers: list[Address], accept_seconds: int
) -> list[AssignmentView]:
    """Return pending alive assignments that had `accept_seconds` to begin, by id."""
    rule = and_(
        AssignmentRow.start.is_(None),
        AssignmentRow.state == AssignmentState.PENDING,
        AssignmentRow.assigned_at < at.timestamp - accept_seconds,
    )
    return [view for view in _fetch(session, at, matchers, rule) if view.alive]


def fetch_silent(
    session: Session, at: Indexed, matchers: list[Address], since: int
) -> list[AssignmentView]:
    """Return running alive assignments, begun until epoch `since`, unproven from it on, by id."""
    proven = exists().where(CommitmentRow.peer == AssignmentRow.peer, CommitmentRow.epoch >= since)
    rule = and_(AssignmentRow.start <= since, AssignmentRow.state.in_(RUNNING_STATES), ~proven)
    return [view for view in _fetch(session, at, matchers, rule) if view.alive]


def has_running(session: Session, at: Indexed, matchers: list[Address], since: int) -> bool:
    """Whether any assignment runs, of a deal for these matchers, that began until epoch `since`."""
    rule = and_(AssignmentRow.start <= since, AssignmentRow.state.in_(RUNNING_STATES))
    return any(view.alive for view in _fetch(session, at, matchers, rule))


def is_committed(session: Session, peer: int, epoch: int) -> bool:
    """Whether a peer (0: anybody, the pulse) has committed an epoch."""
    return session.get(CommitmentRow, (peer, epoch)) is not None


def fetch_dead(
    session: Session, at: Indexed, matchers: list[Address], patience: int
) -> list[AssignmentView]:
    """Return dead assignments whose units nobody has released for `patience` epochs, by id."""
    rule = or_(
        DealRow.stopped.is_(True),
        DealRow.end < at.epoch,
        AssignmentRow.run < DealRow.run,
        lasts_epochs() < at.epoch - DealRow.settled,
    )
    found = _fetch(session, at, matchers, rule)
    return [view for view in found if not view.alive and _died(view, at) + patience < at.epoch]


def fetch_gap_end(session: Session, longest: int) -> int:
    """Return the time of the newest block that came over `longest` seconds after the one before.

    0 if there is none among the blocks that are kept.
    """
    rows = session.execute(
        select(BlockRow.number, BlockRow.timestamp).order_by(BlockRow.number.desc())
    ).all()
    for (number, timestamp), (parent, before) in pairwise(rows):
        if parent == number - 1 and timestamp - before > longest:
            return int(timestamp)
    return 0


def _died(view: AssignmentView, at: Indexed) -> int:
    """Return the last epoch of pay; of one that never ran, the epoch of its match."""
    return view.assigned_at // at.epoch_seconds if view.end_of is None else view.end_of


def _fetch(
    session: Session, at: Indexed, matchers: list[Address], rule: ColumnElement[Any]
) -> list[AssignmentView]:
    """Return assignments of deals whose offer is here and for one of these matchers."""
    bid = DeveloperOfferRow
    query = (
        select(AssignmentRow, PeerRow)
        .join(DealRow, DealRow.id == AssignmentRow.deal)
        .join(bid, and_(bid.hash == DealRow.offer, bid.developer == DealRow.developer))
        .where(AssignmentRow.state.in_(OPEN), bid.matcher.in_(matchers), rule)
        .order_by(AssignmentRow.id)
        .limit(MOST)
    )
    return fetch_chosen(session, at, query)
