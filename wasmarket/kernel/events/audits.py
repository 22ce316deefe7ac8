"""What Audits announces."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Balance(Event):
    """Audits: an account's money there changed."""

    account: Address
    free: int


@dataclass(frozen=True, slots=True)
class Opened(Event):
    """Audits: an ask or an accusation began. `kind` is a CaseKind; `receipt` is ZERO for an ask."""

    case: int
    assignment: int
    by: Address
    kind: int
    epoch: int
    sequence: int
    receipt: Hash


@dataclass(frozen=True, slots=True)
class Contradicted(Event):
    """Audits: a peer was convicted by its own words; `kind` as in LAW 9."""

    assignment: int
    by: Address
    kind: int
    seized: int


@dataclass(frozen=True, slots=True)
class Drawn(Event):
    """Audits: the jury of a case was drawn: seven seats of 32 bits, the first lowest."""

    case: int
    jury: int


@dataclass(frozen=True, slots=True)
class Voted(Event):
    """Audits: a juror committed its vote; `place` is the juror's in the jury."""

    case: int
    place: int


@dataclass(frozen=True, slots=True)
class Revealed(Event):
    """Audits: a juror showed its vote."""

    case: int
    place: int
    vote: Hash


@dataclass(frozen=True, slots=True)
class Phase(Event):
    """Audits: a case went on; `state` is a CaseState."""

    case: int
    state: int


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """Audits: a case is over; `outcome` is a CaseOutcome, `seized` FLT base units."""

    case: int
    assignment: int
    outcome: int
    seized: int


@dataclass(frozen=True, slots=True)
class Seat(Event):
    """Audits: a place of the jurors as it is now; `peer` 0: empty."""

    seat: int
    peer: int
    since: int
    quit: int
    fines: int
