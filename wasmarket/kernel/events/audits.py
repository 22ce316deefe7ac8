"""What Audits announces."""

from enum import IntEnum

from wasmarket.kernel.events.event import Event
from wasmarket.kernel.units import Address, Hash


class CaseKind(IntEnum):
    """What a case is about."""

    ASK = 1
    ACCUSATION = 2


class CaseState(IntEnum):
    """How far a case has come; SHOWN: votes are revealed."""

    OPEN = 1
    DRAWN = 2
    SHOWN = 3
    CLOSED = 4


class CaseOutcome(IntEnum):
    """How a case ended."""

    ANSWERED = 1
    CONVICTED = 2
    ACQUITTED = 3
    VOID = 4


class Balance(Event, frozen=True, gc=False):
    """Audits: an account's money there changed."""

    account: Address
    free: int


class Opened(Event, frozen=True, gc=False):
    """Audits: an ask or an accusation began. `kind` is a CaseKind; `receipt` is ZERO for an ask."""

    case: int
    assignment: int
    by: Address
    kind: int
    epoch: int
    sequence: int
    receipt: Hash


class Contradicted(Event, frozen=True, gc=False):
    """Audits: a peer was convicted by its own words; `kind` as in LAW 9."""

    assignment: int
    by: Address
    kind: int
    seized: int


class Drawn(Event, frozen=True, gc=False):
    """Audits: the jury of a case was drawn: seven seats of 32 bits, the first lowest."""

    case: int
    jury: int


class Voted(Event, frozen=True, gc=False):
    """Audits: a juror committed its vote; `place` is the juror's in the jury."""

    case: int
    place: int


class Revealed(Event, frozen=True, gc=False):
    """Audits: a juror showed its vote."""

    case: int
    place: int
    vote: Hash


class Phase(Event, frozen=True, gc=False):
    """Audits: a case went on; `state` is a CaseState."""

    case: int
    state: int


class Closed(Event, frozen=True, gc=False):
    """Audits: a case is over; `outcome` is a CaseOutcome, `seized` FLT base units."""

    case: int
    assignment: int
    outcome: int
    seized: int


class Seat(Event, frozen=True, gc=False):
    """Audits: a place of the jurors as it is now; `peer` 0: empty."""

    seat: int
    peer: int
    since: int
    quit: int
    fines: int
