"""What an event is about, beyond what it names: readers look events up by it."""

from dataclasses import dataclass, fields

from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.units import Address, AssignmentId, DealId, PeerId
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.tables import AssignmentRow, DealRow, PeerRow

MAX_ID = 2**63
_NAMES = ("account", "provider", "caller", "by", "owner", "next_owner")
ACTORS: dict[type[Event], tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind) if f.name in _NAMES)
    for kinds in EVENTS.values()
    for kind in kinds
}
"""Members that name the account that acted or gained."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """What an event is about, None where it is about none; `other_account` is its developer."""

    deal: DealId | None
    assignment: AssignmentId | None
    peer: PeerId | None
    account: Address | None
    other_account: Address | None


def find_subjects(rows: ChainRows, event: Event) -> Subjects:
    """Return what an event is about, once its block has been applied."""
    deal = _number(event, "deal")
    assignment = _number(event, "assignment")
    peer = _number(event, "peer")
    if assignment is not None and (deal is None or peer is None):
        known = rows.peek(AssignmentRow, assignment)
        if known is not None:
            deal, peer = known.deal, known.peer
    accounts = [getattr(event, name) for name in ACTORS[type(event)]]
    if not accounts and peer is not None:
        machine = rows.peek(PeerRow, peer)
        accounts += [machine.provider] if machine else []
    if deal is not None:
        made = rows.peek(DealRow, deal)
        accounts += [made.developer] if made else []
    account = accounts[0] if accounts else None
    other = accounts[-1] if accounts else None
    return Subjects(
        deal=None if deal is None else DealId(deal),
        assignment=None if assignment is None else AssignmentId(assignment),
        peer=None if peer is None else PeerId(peer),
        account=account,
        other_account=None if other == account else other,
    )


def _number(event: Event, name: str) -> int | None:
    """Return a member; a caller may have made it too large for any that the chain has."""
    value: int | None = getattr(event, name, None)
    return value if value is None or value < MAX_ID else None
