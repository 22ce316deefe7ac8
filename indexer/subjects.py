"""What an event is about, beyond what it names: readers look events up by it."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.units import Address, AssignmentId, DealId, PeerId
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import AssignmentRow, DealRow, PeerRow

MAX_ID = 2**63
_ACTORS = ("account", "provider", "caller", "by", "owner", "next_owner")
"""Members that name the account that acted or gained."""

_THINGS = ("deal", "assignment", "peer")
_NOTHING = (None, None, None, None, None)

Subjects = tuple[DealId | None, AssignmentId | None, PeerId | None, Address | None, Address | None]
"""The deal, assignment and peer that an event is about, the account, and that of the developer.

None where it is about none; the developer's too where it is the account.
"""

Find = Callable[[ChainRows, Any], Subjects]


def _build_find(kind: type[Event]) -> Find:
    """Return what finds the subjects of events of a kind; most kinds name one thing alone."""
    actors = tuple(attrgetter(name) for name in kind.__struct_fields__ if name in _ACTORS)
    about = [name for name in kind.__struct_fields__ if name in _THINGS]
    if not about and len(actors) < 2:
        return _build_find_of_account(actors[0] if actors else _nothing)
    if about == ["peer"] and not actors:
        return _find_of_peer
    return _build_find_of_any(kind, actors)


def _build_find_of_account(read: Callable[[Any], Address | None]) -> Find:
    def find(_rows: ChainRows, event: Any) -> Subjects:
        return None, None, None, read(event), None

    return find


def _find_of_peer(rows: ChainRows, event: Any) -> Subjects:
    peer = event.peer
    if peer >= MAX_ID:
        return _NOTHING
    machine = rows.peek(PeerRow, peer)
    return None, None, peer, None if machine is None else machine.provider, None


def _build_find_of_any(kind: type[Event], actors: Sequence[Callable[[Any], Address]]) -> Find:
    read_deal, read_assignment, read_peer = (_reader(kind, name) for name in _THINGS)

    def find(rows: ChainRows, event: Any) -> Subjects:
        deal, assignment, peer = read_deal(event), read_assignment(event), read_peer(event)
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
        accounts = [read(event) for read in actors]
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
        return deal, assignment, peer, account, None if other == account else other

    return find


def _reader(kind: type[Event], name: str) -> Callable[[Any], Any]:
    """Return what reads a member of an event, None where its kind has no such member."""
    return attrgetter(name) if name in kind.__struct_fields__ else _nothing


def _nothing(_event: Any) -> None:
    return None


FINDERS: dict[type[Event], Find] = {
    kind: _build_find(kind) for kinds in EVENTS.values() for kind in kinds
}
"""What finds the subjects of an event, by its kind."""
