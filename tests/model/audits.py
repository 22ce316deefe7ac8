"""Say what Audits does: asks, contradictions, accusations, juries, and who gets what."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field

from eth_utils import keccak

from tests.model.evidence import (
    LINK,
    LINK_OF_EPOCHS,
    REFUSED,
    WITH_HEAD,
    WITH_OTHER,
    WITH_RECEIPT,
    Called,
    Summary,
    Summed,
    contradicts,
    pack,
)
from tests.model.market import Market
from tests.model.proofs import Proofs
from tests.model.seats import JURY, Seats
from tests.model.terms import (
    ACTIVE,
    BARE,
    CHALLENGE,
    CLOSED,
    ENDED,
    ZERO,
    Address,
    Assignment,
    Clock,
    Emit,
    Parameters,
    need,
)
from tests.model.token import Token

ASK, ACCUSATION = 1, 2
OPEN, DRAWN, SHOWN, OVER = 1, 2, 3, 4
ANSWERED, CONVICTED, ACQUITTED, VOID = 1, 2, 3, 4
NOTHING = bytes(32)
CONVICTING, ACQUITTING = 5, 4
DRAW_PART = 48


@dataclass
class Case:
    """An ask or an accusation. `question`: epoch and sequence, or the value of the receipt."""

    kind: int
    assignment: int
    peer: int
    since: int
    block: int
    by: Address
    question: bytes
    seats: int = 0
    state: int = OPEN
    outcome: int = 0
    jury: list[int] = field(default_factory=list)
    votes: dict[int, bytes] = field(default_factory=dict)
    revealed: set[int] = field(default_factory=set)


class Audits(Seats):
    """Makes peers answer for their roots. Money is FLT."""

    def __init__(
        self,
        at: Address,
        market: Market,
        proofs: Proofs,
        flt: Token,
        parameters: Parameters,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self.at, self.market, self.proofs, self.flt = at, market, proofs, flt
        self.parameters, self.clock, self._emit = parameters, clock, emit
        self.free: dict[Address, int] = defaultdict(int)
        self.burned = 0
        self.seats = []
        self.cases: dict[int, Case] = {}
        self.case_of: dict[Hashable, int] = {}

    @property
    def stakes(self) -> int:
        """What an accuser pays in."""
        return self.parameters.stake + JURY * self.parameters.juror_fee

    def ask(self, caller: Address, assignment: int, epoch: int, sequence: int) -> int:
        """Make a peer show what its root has of an assignment."""
        need(sequence < 2**64, "audits: amount out of range")
        peer = self._challenge(assignment, epoch)
        key = (assignment, epoch, sequence)
        need(key not in self.case_of, "audits: asked before")
        number = self._open(ASK, assignment, peer, caller, pack(epoch | sequence << 32), key)
        self._say_opened(number, epoch, sequence, NOTHING)
        self._spend(caller, self.parameters.ask_fee)
        return number

    def answer(self, caller: Address, number: int, summed: Summed, called: Called) -> None:
        """Show it; the provider earns the fee."""
        case = self._need_state(number, ASK, OPEN)
        epoch, sequence = self.asked(case)
        root = self.proofs.root_of(case.peer, epoch)
        summary = summed.check(case.peer, epoch, case.assignment, root)
        if summary.holds(sequence):
            receipt = called.check(summary)
            a = self.market.assignments.get(case.assignment)
            need(
                called.place == sequence - summary.first
                and receipt.sequence == sequence
                and receipt.assignment == case.assignment
                and receipt.deal == (a.deal if a else 0),
                "audits: wrong receipt",
            )
        self._close(number, ANSWERED, 0)
        self._credit(self._provider(case.peer), self.parameters.ask_fee)

    @staticmethod
    def asked(case: Case) -> tuple[int, int]:
        """Read epoch and sequence of an ask."""
        question = int.from_bytes(case.question, "big")
        return question % 2**32, question >> 32

    def contradict(
        self,
        caller: Address,
        assignment: int,
        kind: int,
        summed: Summed,
        called: Called,
        other: Summed,
        other_called: Called,
        signer: Address | None,
    ) -> None:
        """Convict a peer by its own papers. `signer`: who really signed `other_called`."""
        peer, s = self._check_summed(assignment, summed)
        if kind in WITH_RECEIPT:
            called.check(s)
        if kind in WITH_OTHER:
            root = self.proofs.root_of(peer, other.summary.epoch)
            other.check(peer, other.summary.epoch, assignment, root)
        if kind in WITH_HEAD:
            is_head = self._is_head(peer, other_called, signer)
            is_mine = other_called.receipt.assignment == assignment
            need(is_mine and is_head, "audits: wrong receipt")
        if kind == LINK:
            other_called.check(s)
        if kind == LINK_OF_EPOCHS:
            other_called.check(other.summary)
        papers = (summed, called, other, other_called)
        seconds = self.parameters.epoch_seconds
        need(contradicts(kind, *papers, seconds), "audits: no contradiction")
        seized, _, developer = self.market.convict(self.at, assignment)
        self._share_out(caller, developer, seized)
        self._emit(
            "Audits", "Contradicted", assignment=assignment, by=caller, kind=kind, seized=seized
        )

    def _is_head(self, peer: int, paper: Called, signer: Address | None) -> bool:
        epoch = paper.receipt.time // self.parameters.epoch_seconds
        if signer is None or self.clock.epoch > epoch + CHALLENGE:
            return False
        retired = self.market.retired.get((peer, signer), 0)
        return signer == self.market.wallet_of(peer) or (retired > 0 and retired >= epoch)

    def accuse(self, caller: Address, assignment: int, summed: Summed, called: Called) -> int:
        """Have a jury run a call again."""
        peer, s = self._check_summed(assignment, summed)
        receipt = called.check(s)
        is_run = receipt.assignment == assignment and receipt.status < REFUSED
        need(is_run, "audits: wrong receipt")
        need(self.taken_seats >= self.parameters.min_seats, "audits: too few seats")
        last = self.cases.get(self.case_of.get(called.hash, 0))
        is_free = last is None or (last.state == OVER and last.outcome != ACQUITTED)
        need(is_free, "audits: accused before")
        number = self._open(ACCUSATION, assignment, peer, caller, receipt.value, called.hash)
        self.cases[number].seats = len(self.seats)
        self._say_opened(number, s.epoch, receipt.sequence, called.hash)
        self._spend(caller, self.stakes)
        return number

    def draw(self, caller: Address, number: int) -> None:
        """Draw the jury, by the randomness of this block."""
        case = self._need_state(number, ACCUSATION, OPEN)
        wait = max(1, self.parameters.epoch_seconds // DRAW_PART)
        need(self.clock.now >= case.since + wait, "audits: too soon")
        need(not self._is_after(case, 1), "audits: too late")
        refused = {self._provider(case.peer), case.by}
        jury = self.drawn(keccak(self.clock.randao + pack(number)), case, refused)
        if len(jury) < JURY:
            self._close(number, VOID, 0)
            self._credit(case.by, self.stakes)
            return
        for place in jury:
            self.seat(place).cases += 1
        case.jury = jury
        self._begin(case, DRAWN)
        word = sum(place << 32 * i for i, place in enumerate(jury))
        self._emit("Audits", "Drawn", case=number, jury=word)

    def vote(self, caller: Address, number: int, place: int, commitment: bytes) -> None:
        """Commit to a vote."""
        case = self._need_state(number, ACCUSATION, DRAWN)
        need(not self._is_after(case, 2), "audits: too late")
        need(place < JURY, "audits: not the juror")
        peer = self.market.peers[self.seat(case.jury[place]).peer]
        need(caller in (peer.provider, peer.wallet), "audits: not the juror")
        need(place not in case.votes, "audits: voted before")
        need(commitment != NOTHING, "audits: wrong vote")
        case.votes[place] = commitment
        self._emit("Audits", "Voted", case=number, place=place)

    def reveal(self, caller: Address, number: int, place: int, vote: bytes, salt: bytes) -> None:
        """Reveal a vote; anybody who knows it."""
        case = self._need_state(number, ACCUSATION, SHOWN)
        need(not self._is_after(case, 1), "audits: too late")
        need(place < JURY, "audits: not the juror")
        need(place not in case.revealed, "audits: voted before")
        need(case.votes.get(place) == commit(number, place, vote, salt), "audits: wrong vote")
        case.votes[place] = vote
        case.revealed.add(place)
        self._emit("Audits", "Revealed", case=number, place=place, vote=vote)

    def resolve(self, caller: Address, number: int) -> None:
        """End the phase of a case whose time is over."""
        case = self.cases.get(number)
        need(case is not None and case.state != OVER, "audits: not open")
        assert case is not None
        phases = 3 if case.kind == ASK else {OPEN: 1, DRAWN: 2, SHOWN: 1}[case.state]
        need(self._is_after(case, phases), "audits: too soon")
        if case.kind == ASK:
            self._resolve_ask(number, case)
        elif case.state == OPEN:
            self._close(number, VOID, 0)
            self._credit(case.by, self.stakes)
        elif case.state == DRAWN:
            self._begin(case, SHOWN)
            self._emit("Audits", "Phase", case=number, state=SHOWN)
        else:
            self._resolve_accusation(number, case)

    def _resolve_ask(self, number: int, case: Case) -> None:
        if self.proofs.root_of(case.peer, self.asked(case)[0]) == NOTHING:
            self._close(number, VOID, 0)
        else:
            seized, _, developer = self.market.convict(self.at, case.assignment)
            self._close(number, CONVICTED, seized)
            self._share_out(case.by, developer, seized)
        self._credit(case.by, self.parameters.ask_fee)

    def _resolve_accusation(self, number: int, case: Case) -> None:
        outcome, fees = self._judge(case)
        back, seized = self.stakes - fees, 0
        if outcome == CONVICTED:
            seized, _, developer = self.market.convict(self.at, case.assignment)
            repaid = min(fees, seized)
            back += repaid
            self._share_out(case.by, developer, seized - repaid)
        elif outcome == ACQUITTED:
            back -= self.parameters.stake
            self._credit(self._provider(case.peer), self.parameters.stake)
        self._close(number, outcome, seized)
        self._credit(case.by, back)

    def _judge(self, case: Case) -> tuple[int, int]:
        shown = {place: case.votes[place] for place in case.revealed}
        counted = Counter(vote for vote in shown.values() if vote != NOTHING)
        winner, most = NOTHING, 0
        for vote, count in counted.items():
            enough = ACQUITTING if vote == case.question else CONVICTING
            if count >= enough:
                winner, most = vote, count
        outcome = VOID if not most else ACQUITTED if winner == case.question else CONVICTED
        fees = 0
        for place, number in enumerate(case.jury):
            vote = shown.get(place)
            is_lost = most >= CONVICTING and vote not in (winner, NOTHING)
            provider = self._dismiss(number, is_fined=vote is None or is_lost)
            if vote is not None and (outcome == VOID or vote == winner):
                self._credit(provider, self.parameters.juror_fee)
                fees += self.parameters.juror_fee
        return outcome, fees

    def _share_out(self, finder: Address, developer: Address, seized: int) -> None:
        share = min(seized // 4, self.parameters.share_cap)
        self._credit(finder, share)
        self._credit(developer, share)
        self.burned += seized - 2 * share

    def pack(self, caller: Address, number: int) -> None:
        """Close a gap in the seats, while no draw depends on them."""
        need(self.undrawn == 0, "audits: draw first")
        self._pack(number)

    @property
    def undrawn(self) -> int:
        """Count the accusations that wait for their draw."""
        return sum(c.kind == ACCUSATION and c.state == OPEN for c in self.cases.values())

    def held(self) -> int:
        """Sum what is owed or burned: free money, seats, and what open cases hold."""
        fees = {ASK: self.parameters.ask_fee, ACCUSATION: self.stakes}
        cases = sum(fees[c.kind] for c in self.cases.values() if c.state != OVER)
        return sum(self.free.values()) + self.worth_of_seats() + cases + self.burned

    def _challenge(self, assignment: int, epoch: int) -> int:
        a: Assignment | None = self.market.assignments.get(assignment)
        need(a is not None and a.state >= ACTIVE, "audits: no such assignment")
        assert a is not None
        ran = a.start <= epoch and (a.state not in (ENDED, CLOSED) or epoch <= a.end)
        need(not ran or epoch + CHALLENGE < 2**256, BARE)
        need(ran and self.clock.epoch <= epoch + CHALLENGE, "audits: wrong epoch")
        need(self.proofs.root_of(a.peer, epoch) != NOTHING, "audits: no root")
        return a.peer

    def _check_summed(self, assignment: int, summed: Summed) -> tuple[int, Summary]:
        epoch = summed.summary.epoch
        peer = self._challenge(assignment, epoch)
        return peer, summed.check(peer, epoch, assignment, self.proofs.root_of(peer, epoch))

    def _open(
        self,
        kind: int,
        assignment: int,
        peer: int,
        by: Address,
        question: bytes,
        key: Hashable,
    ) -> int:
        number = len(self.cases) + 1
        now, block = self.clock.now, self.clock.block
        self.cases[number] = Case(kind, assignment, peer, now, block, by, question)
        self.case_of[key] = number
        return number

    def _say_opened(self, number: int, epoch: int, sequence: int, receipt: bytes) -> None:
        case = self.cases[number]
        self._emit(
            "Audits",
            "Opened",
            case=number,
            assignment=case.assignment,
            by=case.by,
            kind=case.kind,
            epoch=epoch,
            sequence=sequence,
            receipt=receipt,
        )

    def _need_state(self, number: int, kind: int, state: int) -> Case:
        case = self.cases.get(number)
        need(case is not None and (case.kind, case.state) == (kind, state), "audits: not open")
        assert case is not None
        return case

    def _begin(self, case: Case, state: int) -> None:
        case.state, case.since, case.block = state, self.clock.now, self.clock.block

    def _close(self, number: int, outcome: int, seized: int) -> None:
        case = self.cases[number]
        case.state, case.outcome = OVER, outcome
        self._emit(
            "Audits",
            "Closed",
            case=number,
            assignment=case.assignment,
            outcome=outcome,
            seized=seized,
        )

    def _is_after(self, case: Case, phases: int) -> bool:
        rules = self.parameters
        is_late = self.clock.now >= case.since + phases * rules.epoch_seconds
        return is_late and self.clock.block >= case.block + phases * rules.phase_blocks

    def _provider(self, peer: int) -> Address:
        found = self.market.peers.get(peer)
        return found.provider if found else ZERO


def commit(number: int, place: int, vote: bytes, salt: bytes) -> bytes:
    """Build the commitment to a vote."""
    return keccak(pack(number, place) + vote + salt)
