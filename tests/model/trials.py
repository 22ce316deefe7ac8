"""Play metered deals, lies and trials at random, beside all that `CornerMachine` plays."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.contracts.driver.bookkeeper import Bookkeeper
from tests.model.audits import ACCUSATION, ASK, DRAWN, OPEN, SHOWN, Case, commit
from tests.model.corners import CornerMachine
from tests.model.evidence import NO_RECEIPT, NO_SUMMARY, Called, Summed
from tests.model.machine import (
    DEVELOPER,
    GOOD_FILLS,
    INDEX,
    INDEXES,
    PROVIDER,
    RIGHT,
    ROLE,
    Line,
)
from tests.model.meter import Voucher
from tests.model.seats import JURY
from tests.model.terms import PENDING, PULSE, ZERO, Assignment, Fill, ProviderOffer

UNIT = 10**12
WORK = st.one_of(st.integers(0, 60 * UNIT), st.sampled_from((2**96 - 1, 2**96)))
LIE = st.sampled_from(
    (None, None, "garbage", "sequence", "fuel", "link", "head", "omit", "twice", "overlap")
)
SALT = b"\7" * 32
VOTES = st.sampled_from(("right", "right", "other", "other", "cannot tell", "silent"))
KIND = st.integers(0, 9)


class TrialMachine(CornerMachine):
    """Every function of Meter and Audits, and peers that keep books, true or not."""

    def __init__(self) -> None:
        self.books: dict[int, Bookkeeper] = {}
        self.plans: dict[tuple[int, int], bytes | None] = {}
        super().__init__()

    @rule(
        developer=DEVELOPER, meter=ROLE, deposit=st.integers(20, 400), fills=GOOD_FILLS, odd=RIGHT
    )
    def open_metered(
        self, developer: str, meter: str, deposit: int, fills: list[Line], odd: bool
    ) -> None:
        offer = self._offer(developer, meter=self.roles[meter], deposit=deposit)
        lines = [self._metered_fill(*line, kind=int(odd)) for line in fills]
        told = (offer, offer.developer, lines, [], None)
        if self.call("market", "match", self.roles["matcher"], *told).reason is None:
            self.offers.append(offer)

    def _metered_fill(
        self, index: int, price: int, units: int, flaw: str | None, kind: int
    ) -> Fill:
        found = self._fill(index, price, units, flaw)
        ask = found.offer
        told = ProviderOffer(
            ask.peer, ask.price, ask.developer, ask.valid_until, ask.counter, kind=kind
        )
        return Fill(told, found.units, found.signer)

    @rule(indexes=INDEXES, work=WORK, right=RIGHT, role=ROLE)
    def redeem(self, indexes: list[int], work: int, right: bool, role: str) -> None:
        vouchers = []
        for number in self._ids(indexes):
            meter = self.law.market.meter_of(number)
            signer = meter if right and meter != ZERO else self.roles["stranger"]
            vouchers.append(Voucher(number, work, signer))
        self.call("meter", "redeem", self.roles[role], vouchers)

    @rule(role=ROLE, ago=st.integers(1, 2))
    def pulse(self, role: str, ago: int) -> None:
        told = (self.law.clock.epoch - ago, [(PULSE, b"\5" * 32)])
        self.call("proofs", "commit", self.roles[role], *told)

    @rule(epochs=st.integers(1, 5))
    def stand_still(self, epochs: int) -> None:
        self.halt(epochs * self.law.clock.epoch_seconds)

    @rule(calls=st.integers(0, 3), liar=INDEX, lie=LIE, with_pulse=st.booleans())
    def keep_books(self, calls: int, liar: int, lie: str | None, with_pulse: bool) -> None:
        """Let an epoch pass; every peer commits to its books, one of them perhaps to a lie."""
        epoch, market = self.law.clock.epoch, self.law.market
        liar = self._peer(liar)
        open_ = {i: a for i, a in market.assignments.items() if a.state != PENDING}
        for i, a in open_.items():
            self._write(i, a, epoch, calls, lie if a.peer == liar else None)
        self.pass_epochs(1, 0)
        for number, books in self.books.items():
            is_garbage = number == liar and lie == "garbage"
            root = b"\6" * 32 if is_garbage else books.root(epoch)
            wallet = self.law.market.peers[number].wallet
            self.call("proofs", "commit", wallet, epoch, [(number, root)])
        if with_pulse:
            self.pulse("stranger", 1)

    def _write(self, i: int, a: Assignment, epoch: int, calls: int, lie: str | None) -> None:
        books = self.books.setdefault(a.peer, Bookkeeper(a.peer, self.law.clock.epoch_seconds))
        if any(s.assignment == i for s in books.summaries[epoch]) or lie == "omit":
            return
        for _ in range(calls):
            wrong = {"sequence": {"sequence": 9}, "link": {"previous": 9}}.get(lie or "", {})
            books.serve(a.deal, i, epoch, **wrong)
        of_summary = {"fuel": {"fuel": 0}, "head": {"head": 9}, "overlap": {"first": 0}}
        books.close(a.deal, i, epoch, **of_summary.get(lie or "", {}))
        if lie == "twice":
            books.close(a.deal, i, epoch, fuel=10**6)

    @rule(index=INDEX, ago=st.integers(1, 9), sequence=st.integers(0, 6), role=ROLE)
    def ask(self, index: int, ago: int, sequence: int, role: str) -> None:
        [number] = self._ids([index])
        epoch = self.law.clock.epoch - ago
        self.call("audits", "ask", self.roles[role], number, epoch, sequence)

    @rule(index=INDEX, place=st.integers(0, 2))
    def answer(self, index: int, place: int) -> None:
        """Answer from the books: by the right receipt if they have it, or by a wrong one."""
        number, case = self._case(index, ASK, OPEN)
        if case is None:
            return
        epoch, sequence = self.law.audits.asked(case)
        summed = self._summed(case.peer, epoch, case.assignment)
        first = summed.summary.first
        is_there = summed != NO_SUMMARY and summed.summary.holds(sequence)
        shown = sequence - first if is_there else place
        called = self._called(case.peer, epoch, case.assignment, shown)
        self.call("audits", "answer", self.roles["stranger"], number, summed, called)

    @rule(
        index=INDEX,
        kind=KIND,
        ago=st.tuples(st.integers(1, 4), st.integers(0, 2)),
        places=st.tuples(st.integers(0, 2), st.integers(0, 3)),
        role=ROLE,
        right=RIGHT,
    )
    def contradict(
        self,
        index: int,
        kind: int,
        ago: tuple[int, int],
        places: tuple[int, int],
        role: str,
        right: bool,
    ) -> None:
        """Show whatever two papers of an assignment, as any kind of contradiction."""
        [number] = self._ids([index])
        a = self._assignment(number)
        peer = a.peer if a else 1
        epoch = self.law.clock.epoch - ago[0]
        later = epoch + ago[1]
        wallet = self.law.market.wallet_of(peer)
        papers = (
            self._summed(peer, epoch, number),
            self._called(peer, epoch, number, places[0]),
            self._summed(peer, later, number, last=kind == 4),
            self._called(peer, later, number, places[1]),
        )
        signer = wallet if right and wallet in self.roles.values() else None
        self.call("audits", "contradict", self.roles[role], number, kind, *papers, signer)

    @rule(index=INDEX, ago=st.integers(1, 8), place=st.integers(0, 2), role=ROLE)
    def accuse(self, index: int, ago: int, place: int, role: str) -> None:
        [number] = self._ids([index])
        a, epoch = self._assignment(number), self.law.clock.epoch - ago
        peer = a.peer if a else 1
        papers = self._summed(peer, epoch, number), self._called(peer, epoch, number, place)
        self.call("audits", "accuse", self.roles[role], number, *papers)

    def _summed(self, peer: int, epoch: int, assignment: int, last: bool = False) -> Summed:
        books = self.books.get(peer)
        summaries = books.summaries[epoch] if books else []
        places = [n for n, s in enumerate(summaries) if s.assignment == assignment]
        if books is None or not places:
            return NO_SUMMARY
        return books.summed(epoch, places[-1] if last else places[0])

    def _called(self, peer: int, epoch: int, assignment: int, place: int) -> Called:
        books = self.books.get(peer)
        if books is None or place >= len(books.receipts[assignment, epoch]):
            return NO_RECEIPT
        return books.called(assignment, epoch, place)

    def _case(self, index: int, kind: int, *states: int) -> tuple[int, Case | None]:
        cases = self.law.audits.cases
        found = [n for n, c in cases.items() if c.kind == kind and c.state in states]
        number = found[index % len(found)] if found else 0
        return number, cases.get(number)

    @rule(owner=PROVIDER, index=INDEX, count=st.integers(1, 8))
    def take_seats(self, owner: str, index: int, count: int) -> None:
        peer = self._peer(index)
        caller = self._owner_of(peer, True)
        for _ in range(count):
            seats = self.law.audits.seats
            place = seats.index(None) if None in seats else len(seats)
            self.call("audits", "take_seat", caller, place, peer)
        self.call("audits", "take_seat", self.roles[owner], index, peer)

    @rule(place=st.integers(0, 12), right=RIGHT, wait=st.sampled_from((0, 1, 501)))
    def quit_seat(self, place: int, right: bool, wait: int) -> None:
        seats = self.law.audits.seats
        seat = seats[place] if place < len(seats) else None
        caller = self._owner_of(seat.peer if seat else 0, right)
        self.call("audits", "quit_seat", caller, place)
        self.pass_seconds(wait)
        self.call("audits", "free_seat", self.roles["stranger"], place)

    @rule(place=st.integers(0, 12))
    def pack(self, place: int) -> None:
        self.call("audits", "pack", self.roles["stranger"], place)

    @rule(index=INDEX, wait=st.sampled_from((0, 2, 2, 2, 100)))
    def draw(self, index: int, wait: int) -> None:
        number, _ = self._case(index, ACCUSATION, OPEN)
        self.travel(self.law.clock.now + wait)
        self.call("audits", "draw", self.roles["stranger"], number)

    @rule(index=INDEX, votes=st.lists(VOTES, min_size=JURY, max_size=JURY), role=ROLE)
    def try_case(self, index: int, votes: list[str], role: str) -> None:
        """Vote on a drawn case, reveal, and count."""
        number, case = self._case(index, ACCUSATION, DRAWN)
        if case is None:
            return
        told = {"right": case.question, "other": b"\5" * 32, "cannot tell": bytes(32)}
        for place, word in enumerate(votes):
            seat = self.law.audits.seat(case.jury[place])
            wallet = self.law.market.wallet_of(seat.peer)
            vote = told.get(word)
            if vote is None or wallet not in self.roles.values():
                continue
            self.call("audits", "vote", wallet, number, place, commit(number, place, vote, SALT))
            self.plans[number, place] = vote
        self.call("audits", "vote", self.roles[role], number, 0, b"\1" * 32)
        self.pass_epochs(3, 0)
        self.call("audits", "resolve", self.roles[role], number)
        self._reveal_all(number)
        self.pass_epochs(1, 0)
        self.call("audits", "resolve", self.roles[role], number)

    def _reveal_all(self, number: int) -> None:
        for place in range(JURY + 1):
            vote = self.plans.get((number, place)) or bytes(32)
            self.call("audits", "reveal", self.roles["stranger"], number, place, vote, SALT)

    @rule(index=INDEX, kind=st.sampled_from((ASK, ACCUSATION)), role=ROLE)
    def resolve(self, index: int, kind: int, role: str) -> None:
        number, _ = self._case(index, kind, OPEN, DRAWN, SHOWN)
        self.call("audits", "resolve", self.roles[role], number)

    @rule(role=ROLE, amount=st.sampled_from((0, 1, 10**18, 2**128)), to=ROLE)
    def keep_flt(self, role: str, amount: int, to: str) -> None:
        self.call("audits", "deposit", self.roles[role], amount)
        self.call("audits", "withdraw", self.roles[role], amount, self.roles[to])

    @rule(by=ROLE, index=INDEX)
    def meddle_with_market(self, by: str, index: int) -> None:
        """Call what only Meter and Audits may call."""
        [number] = self._ids([index])
        self.call("market", "pay", self.roles[by], number, UNIT)
        self.call("market", "convict", self.roles[by], number)

    def run_off(self) -> None:
        """End every case first, then send everybody home."""
        for _ in range(3):
            self.pass_epochs(4, 0)
            for number, case in list(self.law.audits.cases.items()):
                if case.state <= SHOWN:
                    self.call("audits", "resolve", self.roles["stranger"], number)
        assert all(case.state > SHOWN for case in self.law.audits.cases.values())
        super().run_off()
        self._leave_audits()

    def _leave_audits(self) -> None:
        law: Any = self.law
        for place, seat in enumerate(law.audits.seats):
            if seat and seat.quit == 0:
                self.call("audits", "quit_seat", law.market.peers[seat.peer].provider, place)
        self.pass_epochs(6, 0)
        for place in range(len(self.law.audits.seats)):
            self.call("audits", "free_seat", self.roles["stranger"], place)
        for account in self.roles.values():
            free = self.law.audits.free[account]
            if free:
                self.call("audits", "withdraw", account, free, account)
        audits = self.law.audits
        assert self.law.flt.balance[audits.at] == audits.burned
        assert audits.taken_seats == 0
