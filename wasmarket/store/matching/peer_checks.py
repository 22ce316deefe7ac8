"""Keep which peers answer at their endpoints with their registered keys, as this matcher saw it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from wasmarket.kernel.units import Hash, PeerId
from wasmarket.store.chain.state import batches
from wasmarket.store.matching.offers import touch_asks
from wasmarket.store.tables import PeerCheckRow, PeerRow, ProviderOfferRow

NOT_ASKED = "it was not asked yet"


@dataclass(frozen=True, slots=True)
class PeerCheck:
    """What is known of a peer's endpoint; times are seconds of the matcher's own clock.

    `answers`: it answered with the registered key and number when it was last asked, or failed
    only once since. `since` is when that began, `failures` how often it has failed in a row,
    `problem` how it failed last.
    """

    peer: int
    endpoint: str
    key: Hash
    answers: bool
    since: int
    answered_at: int | None
    failures: int
    problem: str | None
    next_at: int


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """How many peers with offers answer at their endpoints, and how many do not."""

    answering: int
    unreachable: int


@dataclass(frozen=True, slots=True)
class UnreachableSupply:
    """Peers with offers that do not answer, their free units, and a few of them."""

    peers: int
    units: int
    examples: tuple[PeerCheck, ...]


def reset_peer_checks(session: Session, now: int, stale_before: int) -> int:
    """Begin with peers that are new or moved, and with those not asked since `stale_before`.

    Until they have answered they count as unreachable. Returns how many there were.
    """
    found = session.execute(
        select(PeerRow.id, PeerRow.endpoint, PeerRow.key).where(
            PeerRow.id.in_(find_unknown_peers(session, stale_before))
        )
    ).all()
    for peer, endpoint, key in found:
        session.merge(
            PeerCheckRow(
                peer=peer,
                endpoint=endpoint,
                key=key,
                answers=False,
                since=now,
                answered_at=None,
                failures=0,
                problem=NOT_ASKED,
                next_at=0,
            )
        )
    session.flush()
    touch_asks(session, [peer for peer, _, _ in found])
    return len(found)


def find_unknown_peers(session: Session, stale_before: int, limit: int = 10_000) -> list[PeerId]:
    """Return peers that have no check of their endpoint and key, or none since `stale_before`."""
    check = PeerCheckRow
    query = (
        select(PeerRow.id)
        .outerjoin(check, check.peer == PeerRow.id)
        .where(
            or_(
                check.peer.is_(None),
                check.endpoint != PeerRow.endpoint,
                check.key != PeerRow.key,
                and_(check.answers.is_(True), check.answered_at < stale_before),
            )
        )
        .limit(limit)
    )
    return list(session.scalars(query))


def fetch_due_checks(
    session: Session, now: int, chain_time: int, *, answers: bool, limit: int
) -> list[PeerCheck]:
    """Return the checks of peers with offers whose time has come, the longest overdue first."""
    check = PeerCheckRow
    query = (
        select(check)
        .where(check.answers.is_(answers), check.next_at <= now, _has_asks(chain_time))
        .order_by(check.next_at, check.peer)
        .limit(limit)
    )
    return [_view(row) for row in session.scalars(query)]


def save_peer_checks(session: Session, checks: Sequence[PeerCheck]) -> None:
    """Keep the outcome of checks; of peers that moved meanwhile nothing is kept."""
    changed = []
    for check in checks:
        row = session.get(PeerCheckRow, check.peer)
        if row is None or (row.endpoint, row.key) != (check.endpoint, check.key):
            continue
        if row.answers != check.answers:
            changed.append(check.peer)
        row.answers, row.since, row.answered_at = check.answers, check.since, check.answered_at
        row.failures, row.problem, row.next_at = check.failures, check.problem, check.next_at
    session.flush()
    touch_asks(session, changed)


def hasten_peer_check(session: Session, peer: int) -> None:
    """Have a unreachable peer asked at once: there is reason to think that it runs now."""
    row = session.get(PeerCheckRow, peer)
    if row is not None and not row.answers:
        row.next_at = 0


def fetch_peer_checks(session: Session, peers: Iterable[int]) -> dict[int, PeerCheck]:
    """Return what is known of these peers' endpoints."""
    return {
        row.peer: _view(row)
        for batch in batches(peers)
        for row in session.scalars(select(PeerCheckRow).where(PeerCheckRow.peer.in_(batch)))
    }


def fetch_unreachable_peers(session: Session) -> frozenset[int]:
    """Return the peers whose offers are passed over because their endpoint does not answer."""
    query = select(PeerCheckRow.peer).where(PeerCheckRow.answers.is_(False), _has_asks(0))
    return frozenset(session.scalars(query))


def count_peer_checks(session: Session, chain_time: int) -> CheckCounts:
    """Return how many peers with offers that may hold answer, and how many do not."""
    query = (
        select(PeerCheckRow.answers, func.count())
        .where(_has_asks(chain_time))
        .group_by(PeerCheckRow.answers)
    )
    found = {bool(answers): int(count) for answers, count in session.execute(query)}
    return CheckCounts(found.get(True, 0), found.get(False, 0))


def fetch_unreachable_supply(
    session: Session, chain_time: int, examples: int = 3
) -> UnreachableSupply:
    """Return what is passed over because its peers do not answer."""
    check, free = PeerCheckRow, PeerRow.units - PeerRow.used
    query = (
        select(check.peer, free)
        .join(PeerRow, PeerRow.id == check.peer)
        .where(check.answers.is_(False), _has_asks(chain_time), free > 0)
        .order_by(check.peer)
    )
    found = session.execute(query).all()
    some = fetch_peer_checks(session, [peer for peer, _ in found[:examples]])
    return UnreachableSupply(
        len(found),
        sum(int(units) for _, units in found),
        tuple(some[peer] for peer in sorted(some)),
    )


def answers_now(peer: Any) -> ColumnElement[bool]:
    """Return in SQL whether a peer answers at its endpoint with its key."""
    return exists().where(PeerCheckRow.peer == peer, PeerCheckRow.answers.is_(True))


def forget_peer_checks(session: Session) -> None:
    """Forget all checks, as if no peer had ever been asked."""
    session.execute(delete(PeerCheckRow))


def _has_asks(chain_time: int) -> ColumnElement[bool]:
    row = ProviderOfferRow
    return exists().where(
        row.peer == PeerCheckRow.peer, row.withdrawn.is_(False), row.valid_until >= chain_time
    )


def _view(row: PeerCheckRow) -> PeerCheck:
    return PeerCheck(
        peer=row.peer,
        endpoint=row.endpoint,
        key=row.key,
        answers=row.answers,
        since=row.since,
        answered_at=row.answered_at,
        failures=row.failures,
        problem=row.problem,
        next_at=row.next_at,
    )
