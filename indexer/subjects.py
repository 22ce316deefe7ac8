"""What an event is about, beyond what it names: readers look events up by it."""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.units import Address, AssignmentId, DealId, PeerId
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import AssignmentRow, DealRow, PeerRow

MAX_ID = 2**63
_ACTORS = ("account", "provider", "caller", "by", "owner", "next_owner")
"""Members that name the account that acted or gained."""


class Subjects(NamedTuple):
    """What an event is about, None where it is about none; `other_account` is its developer."""

    deal: DealId | None
    assignment: AssignmentId | None
    peer: PeerId | None
    account: Address | None
    other_account: Address | None


class _Members(NamedTuple):
    """How what an event names is read from it."""

    deal: Callable[[Any], Any]
    assignment: Callable[[Any], Any]
    peer: Callable[[Any], Any]
    actors: tuple[Callable[[Any], Address], ...]


def find_subjects(rows: ChainRows, event: Event) -> Subjects:
    """Return what an event is about, once its block has been applied."""
    members = _MEMBERS[type(event)]
    deal, assignment, peer = members.deal(event), members.assignment(event), members.peer(event)
    # A caller may have made a number too large for any that the chain has.
    if deal is not None and deal >= MAX_ID:
        deal = None
    if assignment is not None and assignment >= MAX_ID:
        assignment = None
    if peer is not None and peer >= MAX_ID:
        peer = None
    if assignment is not None and (deal is None or peer is None):
        known = rows.peek(AssignmentRow, assignment)
        if known is not None:
            deal, peer = known.deal, known.peer
    accounts = [read(event) for read in members.actors]
    if not accounts and peer is not None:
        machine = rows.peek(PeerRow, peer)
        if machine is not None:
            accounts.append(machine.provider)
    if deal is not None:
        made = rows.peek(DealRow, deal)
        if made is not None:
            accounts.append(made.developer)
    account = accounts[0] if accounts else None
    other = accounts[-1] if accounts else None
    return Subjects(deal, assignment, peer, account, None if other == account else other)


def _reader(kind: type[Event], name: str) -> Callable[[Any], Any]:
    """Return what reads a member of an event, None where its kind has no such member."""
    has_one = any(f.name == name for f in fields(kind))
    return attrgetter(name) if has_one else _nothing


def _nothing(_event: Any) -> None:
    return None


_MEMBERS = {
    kind: _Members(
        _reader(kind, "deal"),
        _reader(kind, "assignment"),
        _reader(kind, "peer"),
        tuple(attrgetter(f.name) for f in fields(kind) if f.name in _ACTORS),
    )
    for kinds in EVENTS.values()
    for kind in kinds
}
