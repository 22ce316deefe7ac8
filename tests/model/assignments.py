"""Say how an assignment starts, ends and is paid. Batches skip, they never revert."""

from collections.abc import Callable

from tests.model.books import Books
from tests.model.terms import (
    ACTIVE,
    DROPPED,
    ENDED,
    EVICTED,
    FULL,
    LEFT,
    MAX_CLAIM,
    PENDING,
    RELEASED,
    Address,
    Assignment,
)


class Assignments(Books):
    """The functions of Market that take a list of assignments."""

    def activate(self, caller: Address, ids: list[int]) -> None:
        """Start to run and to be paid: now, for the share of the epoch that is left."""
        self._each(ids, lambda i: self._activate(caller, i))

    def leave(self, caller: Address, ids: list[int], why: int) -> None:
        """Go, as the provider: the epoch begun is the developer's again."""
        self._each(ids, lambda i: self._leave(caller, i, why))

    def drop(self, caller: Address, ids: list[int], why: int) -> None:
        """Send a provider away, as the developer: the epoch begun stays paid."""
        self._each(ids, lambda i: self._drop(caller, i, why))

    def evict(self, caller: Address, ids: list[int]) -> None:
        """End what was not activated or not proven, for the fault fee."""
        self._each(ids, lambda i: self._evict(caller, i))

    def release(self, caller: Address, ids: list[int]) -> None:
        """Give units back that a dead assignment still holds."""
        self._each(ids, self._release)

    def claim(self, caller: Address, ids: list[int]) -> int:
        """Pay out final epochs; answer what the caller got as a provider."""
        before = self.paid[caller]
        self._each(ids, self._claim)
        return self.paid[caller] - before

    def _each(self, ids: list[int], act: Callable[[int], int]) -> None:
        for i in ids:
            reason = act(i)
            if reason:
                self.say("Skipped", assignment=i, reason=reason)

    def _unended(self, i: int) -> Assignment | None:
        a = self.assignments.get(i)
        return a if a and a.state != ENDED else None

    def _is_operator(self, caller: Address, a: Assignment) -> bool:
        peer = self.peers[a.peer]
        return caller in (peer.wallet, peer.provider)

    def _activate(self, caller: Address, i: int) -> int:
        a = self.assignments.get(i)
        if a is None or a.state != PENDING:
            return 20
        deal = self.settle(a.deal)
        if not self.alive(a):
            return 20
        if not self._is_operator(caller, a):
            return 21
        seconds = self.parameters.epoch_seconds
        epoch, a.skipped = self.clock.epoch, self.clock.now % seconds * FULL // seconds
        if deal.balance < a.share + deal.rate + a.rate:
            a.skipped = 0
            return 22
        deal.balance -= a.share
        deal.rate += a.rate
        a.state, a.start, a.next = ACTIVE, epoch, epoch
        self.say(
            "Activated",
            assignment=i,
            deal=a.deal,
            epoch=epoch,
            skipped=a.skipped,
            balance=deal.balance,
            rate=deal.rate,
        )
        return 0

    def _leave(self, caller: Address, i: int, why: int) -> int:
        a = self._unended(i)
        if a is None:
            return 30
        if not self._is_operator(caller, a):
            return 21
        self.settle(a.deal)
        if not self.alive(a):
            return 32
        return self._hand_back(i, a, LEFT, why)

    def _hand_back(self, i: int, a: Assignment, kind: int, why: int) -> int:
        deal, epoch = self.deals[a.deal], self.clock.epoch
        if a.state == ACTIVE:
            deal.rate -= a.rate
            deal.balance += a.share if a.start == epoch else a.rate
        return self._end(i, a, epoch - 1, kind, why)

    def _drop(self, caller: Address, i: int, why: int) -> int:
        a = self._unended(i)
        if a is None:
            return 30
        if caller != self.deals[a.deal].developer:
            return 33
        deal = self.settle(a.deal)
        if not self.alive(a):
            return 32
        if a.state == ACTIVE:
            deal.rate -= a.rate
        return self._end(i, a, self.clock.epoch, DROPPED, why)

    def _evict(self, caller: Address, i: int) -> int:
        a = self._unended(i)
        if a is None:
            return 30
        self.settle(a.deal)
        if not self.alive(a):
            return 32
        if not self.at_fault(a):
            return 34
        peer, rules = self.peers[a.peer], self.parameters
        self._hand_back(i, a, EVICTED, 0)
        peer.units -= a.units
        self.say("PeerUnits", peer=a.peer, units=peer.units)
        bond, fee = a.units * rules.bond_per_unit, a.units * rules.fault_fee
        self.bonds.slash(self.at, peer.provider, bond, fee, caller)
        return 0

    def at_fault(self, a: Assignment) -> bool:
        """Tell whether an alive assignment was not answered, or not proven for long enough."""
        rules, epoch = self.parameters, self.clock.epoch
        if a.state == PENDING:
            return self.clock.now > a.start + rules.accept_seconds
        first = epoch - rules.proof_window - rules.max_missed
        return a.start <= first and not self.proofs.count(a.peer, first, epoch - 1)

    def _release(self, i: int) -> int:
        a = self._unended(i)
        if a is None:
            return 30
        self.settle(a.deal)
        if self.alive(a):
            return 31
        return self._end(i, a, self.end_of(a), RELEASED, 0)

    def _end(self, i: int, a: Assignment, end: int, kind: int, why: int) -> int:
        deal = self.deals[a.deal]
        self.peers[a.peer].used -= a.units
        if self.alive(a):
            deal.units -= a.units
        ran = a.state == ACTIVE
        if not ran or end < a.next:
            del self.assignments[i]
        else:
            a.state, a.end = ENDED, end
        self.say(
            "Ended",
            assignment=i,
            deal=a.deal,
            peer=a.peer,
            end=end if ran else 0,
            kind=kind,
            why=why,
            balance=deal.balance,
            rate=deal.rate,
        )
        return 0

    def _claim(self, i: int) -> int:
        a = self.assignments.get(i)
        if a is None or a.state == PENDING:
            return 40
        deal = self.deals[a.deal]
        if a.state == ACTIVE:
            self.settle(a.deal)
        last = self.claimable_until(a)
        if last < a.next:
            return 41
        paid, refunded = self.split(a, last)
        provider = self.peers[a.peer].provider
        self.free[provider] += paid
        self.paid[provider] += paid
        self.free[deal.developer] += refunded
        a.next, a.skipped = last + 1, 0
        if a.state == ENDED and a.next > a.end:
            del self.assignments[i]
        self.say(
            "Claimed", assignment=i, provider=provider, last=last, paid=paid, refunded=refunded
        )
        return 0

    def claimable_until(self, a: Assignment) -> int:
        """Name the last epoch that a claim would take; below `next` when there is none."""
        final = self.clock.epoch - 1 - self.parameters.proof_window
        return min(self.end_of(a), final, a.next + MAX_CLAIM - 1)

    def split(self, a: Assignment, last: int) -> tuple[int, int]:
        """Divide the epochs up to `last` into what is paid and what goes back."""
        paid = refunded = 0
        for epoch in range(a.next, last + 1):
            cost = a.share if epoch == a.next else a.rate
            if (a.peer, epoch) in self.proofs.proven:
                paid += cost
            else:
                refunded += cost
        return paid, refunded
