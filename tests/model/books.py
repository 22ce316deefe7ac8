"""Keep the market's books: what is stored, and how time bills a deal.

Nothing happens when an epoch begins. Whoever reads a deal settles it first, and settling once
after a year must give what settling every second would have given.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.model.proofs import Proofs
from tests.model.staking import Staking
from tests.model.terms import (
    ACTIVE,
    CLOSED,
    ENDED,
    LAPSED,
    METERED,
    OVER,
    PENDING,
    RUNNING,
    STOPPING,
    WAITING,
    Address,
    Assignment,
    Clock,
    Deal,
    Emit,
    Key,
    Parameters,
    Peer,
    need,
)
from tests.model.token import Token


class Books:
    """The state of Market and the rules that every function shares."""

    def __init__(
        self,
        at: Address,
        parameters: Parameters,
        clock: Clock,
        usdc: Token,
        emit: Emit,
        key_of: Callable[[Any], Key],
    ) -> None:
        self.at, self.parameters, self.clock, self.usdc = at, parameters, clock, usdc
        self._emit, self.key_of = emit, key_of
        self.meter: Address  # the only one that may call `pay`
        self.audits: Address  # the only one that may call `convict`
        self.bonds: Staking
        self.proofs: Proofs
        self.free: dict[Address, int] = defaultdict(int)
        self.counter: dict[Address, int] = defaultdict(int)
        self.approved: set[tuple[Address, Key]] = set()
        self.cancelled: set[tuple[Address, Key]] = set()
        self.deal_of: dict[tuple[Address, Key], int] = {}
        self.peers: dict[int, Peer] = {}
        self.deals: dict[int, Deal] = {}
        self.meters: dict[int, Address] = {}
        self.retired: dict[tuple[int, Address], int] = {}
        self.run_end: dict[tuple[int, int], int] = {}
        self.assignments: dict[int, Assignment] = {}
        self.assignments_made = 0
        self.paid: dict[Address, int] = defaultdict(
            int
        )  # of each provider, ever; not stored on chain

    def say(self, event: str, **fields: Any) -> None:
        """Emit an event of Market."""
        self._emit("Market", event, **fields)

    def settle(self, number: int) -> Deal:
        """Bill the epochs begun since the last settling, as far as the balance goes."""
        deal = self.deals[number]
        until = min(self.clock.epoch, deal.end)
        if until > deal.settled:
            if deal.rate > 0:
                begun = until - deal.settled
                funded = min(
                    begun, deal.balance // deal.rate
                )  # the rest is too little for an epoch
                deal.balance -= funded * deal.rate
                if funded < begun:
                    self._lapse(number, deal, deal.settled + funded)
            deal.settled = until
        return deal

    def _lapse(self, number: int, deal: Deal, last: int) -> None:
        self.run_end[number, deal.run] = last
        self.say("Lapsed", deal=number, run=deal.run, last=last, balance=deal.balance)
        deal.run += 1
        deal.rate = deal.units = 0

    def alive(self, assignment: Assignment) -> bool:
        """Tell whether it still runs, or may still be activated. Its deal is settled."""
        deal = self.deals[assignment.deal]
        return (
            assignment.state in (PENDING, ACTIVE, METERED)
            and assignment.run == deal.run
            and not deal.stopped
            and self.clock.epoch <= deal.end
        )

    def end_of(self, assignment: Assignment) -> int:
        """Name the last epoch that is its to be paid for. Its deal is settled."""
        deal = self.deals[assignment.deal]
        if assignment.state in (ENDED, CLOSED):
            return assignment.end
        if assignment.run < deal.run:
            return self.run_end[assignment.deal, assignment.run]
        return deal.end

    def put_aside(self, assignment: Assignment) -> int:
        """Sum what was billed for it and is not claimed. Its deal is settled."""
        if assignment.state not in (ACTIVE, ENDED):
            return 0
        last = min(self.deals[assignment.deal].settled, self.end_of(assignment))
        epochs = last - assignment.next + 1
        if epochs <= 0:
            return 0
        return assignment.rate * epochs - (assignment.rate - assignment.share)

    def withhold(self, assignment: Assignment) -> int:
        """Take out what is put aside for it. Its deal is settled."""
        return self.put_aside(assignment)

    def spend(self, account: Address, amount: int) -> None:
        """Take `amount` from free money, and what is missing from the account's tokens."""
        free = min(self.free[account], amount)
        self.free[account] -= free
        if amount > free:
            self.usdc.pull(self.at, account, amount - free)

    def status(self, number: int) -> int:
        """Name what becomes of the settled deal, were nobody to touch it."""
        deal, epoch = self.deals[number], self.clock.epoch
        if epoch > deal.end:
            return OVER
        if deal.stopped:
            return STOPPING
        if deal.metered:
            if deal.units == 0:
                return WAITING
            return RUNNING if deal.balance else LAPSED
        if deal.rate > 0:
            return RUNNING
        return LAPSED if deal.run > 0 and deal.units == 0 else WAITING

    @staticmethod
    def amount(amount: int) -> None:
        """Refuse an amount of money that is nothing or does not fit."""
        need(0 < amount < 2**64, "ledger: amount out of range")
