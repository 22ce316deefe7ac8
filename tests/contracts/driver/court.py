"""A peer that runs one assignment, its books, jurors, and who may be after it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.contracts.driver.boa_chain import Reverted
from tests.contracts.driver.bookkeeper import Bookkeeper
from tests.contracts.driver.stage import Stage, field
from tests.model.audits import commit
from tests.model.evidence import NO_RECEIPT, NO_SUMMARY, Called, Summed
from tests.model.law import Outcome

SALT = b"\7" * 32


@dataclass
class Suspect:
    """A peer with one assignment, and what it wrote down."""

    peer: int
    deal: int
    assignment: int
    books: Bookkeeper


class Court(Stage):
    """A stage with suspects, evidence and juries."""

    def suspect(self, *, metered: bool = False, units: int = 1, **changes: Any) -> Suspect:
        """Register a peer and let it run an assignment from now on."""
        peer = self.register(**changes)
        meter = {"meter": self.roles["developer"]} if metered else {}
        fills = [self.fill(peer, units, kind=int(metered))]
        deal, [assignment], _ = self.open(*fills, **meter)
        self.activate([assignment])
        return Suspect(peer, deal, assignment, Bookkeeper(peer, self.parameters.epoch_seconds))

    def work(self, s: Suspect, calls: int = 3, lie: Any = None, **summary: int) -> int:
        """Let the epoch pass and commit to it; `lie` says for a place what its receipt lies."""
        epoch = self.epoch
        for place in range(calls):
            s.books.serve(s.deal, s.assignment, epoch, **((lie or {}).get(place, {})))
        s.books.close(s.deal, s.assignment, epoch, **summary)
        self.next_epoch()
        self.commit(s, epoch)
        return epoch

    def commit(self, s: Suspect, epoch: int, root: bytes | None = None) -> None:
        """Commit to an epoch that is over."""
        told = s.books.root(epoch) if root is None else root
        self.proofs.commit(epoch, [(s.peer, told)], by=self.roles["wallet"])

    def ask_for(self, s: Suspect, epoch: int, sequence: int = 0, by: str = "stranger") -> int:
        """Ask for a call; answer the case."""
        outcome = self.audits.ask(s.assignment, epoch, sequence, by=self.roles[by])
        return int(field(outcome, "Opened", "case"))

    def answer(self, case: int, summed: Summed, called: Called = NO_RECEIPT) -> Outcome:
        """Answer an ask, as anybody."""
        return self.audits.answer(case, summed, called, by=self.roles["stranger"])

    def contradict(
        self,
        s: Suspect,
        kind: int,
        summed: Summed,
        called: Called = NO_RECEIPT,
        other: Summed = NO_SUMMARY,
        other_called: Called = NO_RECEIPT,
        signer: str | None = None,
        by: str = "stranger",
    ) -> Outcome:
        """Show papers that cannot all be true."""
        key = self.roles[signer] if signer else None
        papers = (summed, called, other, other_called, key)
        return self.audits.contradict(s.assignment, kind, *papers, by=self.roles[by])

    def seat_jurors(self, count: int = 9, by: str = "other_provider") -> list[int]:
        """Let a provider take places."""
        peer = self.register(by=by, wallet="matcher")
        first = len(self.law.audits.seats)
        for place in range(first, first + count):
            self.audits.take_seat(place, peer, by=self.roles[by])
        self.pass_seconds(1)
        return list(range(first, first + count))

    def accuse(self, s: Suspect, epoch: int, place: int = 0, by: str = "stranger") -> int:
        """Accuse a receipt; answer the case."""
        papers = s.books.summed(epoch), s.books.called(s.assignment, epoch, place)
        outcome = self.audits.accuse(s.assignment, *papers, by=self.roles[by])
        return int(field(outcome, "Opened", "case"))

    def draw(self, case: int) -> list[int]:
        """Draw the jury as soon as it may be; answer the places."""
        self.pass_seconds(max(1, self.parameters.epoch_seconds // 48))
        self.audits.draw(case, by=self.roles["stranger"])
        return self.law.audits.cases[case].jury

    def try_case(self, case: int, votes: list[bytes | None]) -> Outcome:
        """Draw, vote, reveal and resolve; None is a juror that does not vote."""
        self.draw(case)
        for place, vote in enumerate(votes):
            if vote is not None:
                self.cast(case, place, vote)
        self.show(case)
        for place, vote in enumerate(votes):
            if vote is not None:
                self.audits.reveal(case, place, vote, SALT, by=self.roles["stranger"])
        self.next_epoch()
        return self.audits.resolve(case, by=self.roles["stranger"])

    def cast(self, case: int, place: int, vote: bytes) -> None:
        """Commit to a vote as the wallet of the jurors."""
        commitment = commit(case, place, vote, SALT)
        self.audits.vote(case, place, commitment, by=self.roles["matcher"])

    def show(self, case: int) -> None:
        """Begin the reveals."""
        self.next_epoch(3)
        self.audits.resolve(case, by=self.roles["stranger"])

    def free_flt(self, role: str) -> int:
        """Read an account's free FLT in Audits from the chain."""
        return int(self.view("audits", "free", self.roles[role]))


def refusal(call: Callable[..., Outcome | int], *arguments: Any, **names: Any) -> str:
    """Make a call that chain and model refuse alike; answer why."""
    try:
        call(*arguments, **names)
    except Reverted as error:
        return str(error)
    raise AssertionError("the call was not refused")
