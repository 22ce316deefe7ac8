"""What events tell of accusations and of the jurors' seats, and how a rollback takes it back.

Each case is the list of what happened to it, so that undoing is dropping the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wasmarket.kernel import events
from wasmarket.kernel.addresses import ZERO_HASH
from wasmarket.kernel.audits.juries import unpack_jury
from wasmarket.kernel.events.audits import CaseKind, CaseState
from wasmarket.kernel.units import Hash

KEPT_CLOSED = 64
"""Blocks for which a case that is over is remembered: a rollback may open it again."""


@dataclass(frozen=True, slots=True)
class TrialStep:
    """One thing that happened: where, and what it says, by the event's name."""

    block: int
    time: int
    what: str
    numbers: tuple[int, ...] = ()
    tx: Hash = ZERO_HASH
    receipt: Hash = ZERO_HASH


@dataclass(frozen=True, slots=True)
class Trial:
    """An accusation as it stands. `since` and `block`: when its phase began.

    `seats` are the jury's, by place; `voted` and `revealed` places. `tx` brought the evidence.
    """

    case: int
    assignment: int
    epoch: int
    sequence: int
    receipt: Hash
    tx: Hash
    state: CaseState
    since: int
    block: int
    seats: tuple[int, ...] = ()
    voted: frozenset[int] = frozenset()
    revealed: frozenset[int] = frozenset()
    own_places: tuple[int, ...] = ()
    """Of this peer's seats."""


@dataclass(slots=True)
class TrialFacts:
    """All accusations that are not over for long, and who has which seat."""

    steps: dict[int, list[TrialStep]] = field(default_factory=dict)
    seats: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """By seat: (block, peer), newest last; peer 0: empty."""

    def apply(self, event: events.Event, block: int, time: int, tx: Hash) -> bool:
        """Take an event; return whether it was of a trial or a seat."""
        match event:
            case events.Opened() if event.kind == CaseKind.ACCUSATION:
                numbers = (event.assignment, event.epoch, event.sequence)
                step = TrialStep(block, time, "opened", numbers, tx, event.receipt)
                self.steps[event.case] = [step]
            case events.Drawn():
                self._add(event.case, TrialStep(block, time, "drawn", unpack_jury(event.jury)))
            case events.Voted():
                self._add(event.case, TrialStep(block, time, "voted", (event.place,)))
            case events.Revealed():
                self._add(event.case, TrialStep(block, time, "revealed", (event.place,)))
            case events.Phase():
                self._add(event.case, TrialStep(block, time, "shown"))
            case events.Closed():
                self._add(event.case, TrialStep(block, time, "closed"))
                self._forget(block)
            case events.Seat():
                self.seats.setdefault(event.seat, []).append((block, event.peer))
            case _:
                return False
        return True

    def undo(self, to: int) -> None:
        """Take back what happened above a block."""
        for case, steps in list(self.steps.items()):
            self.steps[case] = [step for step in steps if step.block <= to]
            if not self.steps[case]:
                del self.steps[case]
        for seat, known in list(self.seats.items()):
            self.seats[seat] = [entry for entry in known if entry[0] <= to]

    def find_open(self, peer: int, assignments: Mapping[int, object]) -> tuple[Trial, ...]:
        """Return the trials of a peer's assignments, and those in which it is a juror."""
        own = {seat for seat, known in self.seats.items() if known and known[-1][1] == peer}
        found = []
        for case, steps in sorted(self.steps.items()):
            trial = _fold(case, steps, own)
            concerned = trial.assignment in assignments or trial.own_places
            if concerned and trial.state != CaseState.CLOSED:
                found.append(trial)
        return tuple(found)

    def _add(self, case: int, step: TrialStep) -> None:
        if case in self.steps:
            self.steps[case].append(step)

    def _forget(self, block: int) -> None:
        over = [
            case
            for case, steps in self.steps.items()
            if steps[-1].what == "closed" and steps[-1].block < block - KEPT_CLOSED
        ]
        for case in over:
            del self.steps[case]


def _fold(case: int, steps: list[TrialStep], own: set[int]) -> Trial:
    first = steps[0]
    assignment, epoch, sequence = first.numbers
    state, began = CaseState.OPEN, first
    seats: tuple[int, ...] = ()
    voted: set[int] = set()
    revealed: set[int] = set()
    for step in steps[1:]:
        match step.what:
            case "drawn":
                state, began, seats = CaseState.DRAWN, step, step.numbers
            case "voted":
                voted.add(step.numbers[0])
            case "revealed":
                revealed.add(step.numbers[0])
            case "shown":
                state, began = CaseState.SHOWN, step
            case "closed":
                state = CaseState.CLOSED
    return Trial(
        case,
        assignment,
        epoch,
        sequence,
        first.receipt,
        first.tx,
        state,
        began.time,
        began.block,
        seats,
        frozenset(voted),
        frozenset(revealed),
        tuple(place for place, seat in enumerate(seats) if seat in own),
    )
