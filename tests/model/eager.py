"""Bill with no cleverness: visit every deal when every epoch begins, and write every unit down.

Nothing is derived. When an epoch begins a deal pays each of its assignments into a drawer of that
assignment and epoch; a claim empties drawers. If this and the lazy market differ, the lazy errs.
"""

from typing import Any

from tests.model.law import Law
from tests.model.market import Market
from tests.model.terms import ACTIVE, CLOSED, ENDED, METERED, PENDING, Address, Assignment, Deal


class EagerMarket(Market):
    """A market that somebody touches at every boundary."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.drawer: dict[tuple[int, int], int] = {}
        self.over: dict[int, int] = {}

    def begin_epoch(self) -> None:
        """Bill every deal for the epoch that begins now, or end its run."""
        for number, deal in self.deals.items():
            if deal.stopped or self.clock.epoch > deal.end:
                self._die(number, deal.end)
                continue
            active = [i for i in self._of(number) if self.assignments[i].state == ACTIVE]
            if not active:
                continue
            cost = sum(self.assignments[i].rate for i in active)
            if deal.balance < cost:
                self._run_out(number, deal)
                continue
            deal.balance -= cost
            for i in active:
                self.drawer[i, self.clock.epoch] = self.assignments[i].rate

    def _run_out(self, number: int, deal: Deal) -> None:
        self._die(number, self.clock.epoch - 1)
        deal.run += 1
        deal.rate = deal.units = 0

    def _die(self, number: int, last: int) -> None:
        for i in self._of(number):
            self.over.setdefault(i, last)

    def _of(self, number: int) -> list[int]:
        return [
            i
            for i, a in self.assignments.items()
            if a.deal == number and a.state not in (ENDED, CLOSED) and i not in self.over
        ]

    def settle(self, number: int) -> Deal:
        """Find the deal as it is: it has been billed already."""
        return self.deals[number]

    def alive(self, assignment: Assignment) -> bool:
        """Tell whether nothing has ended it yet."""
        is_open = assignment.state in (PENDING, ACTIVE, METERED)
        return is_open and self._id(assignment) not in self.over

    def end_of(self, assignment: Assignment) -> int:
        """Name the last epoch that it ran, as it was written down."""
        if assignment.state in (ENDED, CLOSED):
            return assignment.end
        return self.over.get(self._id(assignment), self.clock.epoch)

    def _id(self, assignment: Assignment) -> int:
        return next(i for i, a in self.assignments.items() if a is assignment)

    def put_aside(self, assignment: Assignment) -> int:
        """Count what lies in its drawers."""
        number = self._id(assignment)
        return sum(amount for (i, _), amount in self.drawer.items() if i == number)

    def stop(self, caller: Address, number: int) -> None:
        """Stop, and write down for each assignment that this was its last epoch."""
        super().stop(caller, number)
        self._die(number, self.deals[number].end)

    def _activate(self, caller: Address, i: int) -> int:
        reason = super()._activate(caller, i)
        if not reason and self.assignments[i].state == ACTIVE:
            self.drawer[i, self.clock.epoch] = self.assignments[i].share
        return reason

    def _hand_back(
        self, i: int, a: Assignment, kind: int, why: int, finder: Address | None = None
    ) -> int:
        deal = self.deals[a.deal]
        if a.state == ACTIVE:
            deal.rate -= a.rate
            deal.balance += self.drawer.pop((i, self.clock.epoch))
        end = self.clock.epoch - (a.state != METERED)
        return self._end(i, a, end, kind, why, finder)

    def withhold(self, assignment: Assignment) -> int:
        """Empty all its drawers."""
        number = self._id(assignment)
        mine = [key for key in self.drawer if key[0] == number]
        return sum(self.drawer.pop(key) for key in mine)

    def split(self, a: Assignment, last: int) -> tuple[int, int]:
        """Empty the drawers up to `last`: to the provider if proven, else back."""
        number, paid, refunded = self._id(a), 0, 0
        for epoch in range(a.next, last + 1):
            amount = self.drawer.pop((number, epoch))
            if (a.peer, epoch) in self.proofs.proven:
                paid += amount
            else:
                refunded += amount
        return paid, refunded


class EagerLaw(Law):
    """The law with an eager market: time passes one epoch at a time."""

    market: EagerMarket
    market_class = EagerMarket

    def travel(self, now: int, blocks: int = 1) -> None:
        """Let time pass until `now`, and stop at every boundary on the way."""
        seconds = self.clock.epoch_seconds
        while self.clock.epoch < now // seconds:
            self.clock.now = (self.clock.epoch + 1) * seconds
            self.market.begin_epoch()
        super().travel(now, blocks)
