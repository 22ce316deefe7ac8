"""Say how an assignment starts, ends and is paid. Batches skip, they never revert."""

from collections.abc import Callable

from tests.model.books import Books
from tests.model.terms import (
    ACTIVE,
    BARE,
    CLOSED,
    CONVICTED,
    DROPPED,
    ENDED,
    EVICTED,
    FULL,
    HOLD,
    LEFT,
    MAX_CLAIM,
    METERED,
    PENDING,
    PULSE,
    RELEASED,
    WORK,
    ZERO,
    Address,
    Assignment,
    need,
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
        return a if a and a.state not in (ENDED, CLOSED) else None

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
        epoch = self.clock.epoch
        if deal.metered:
            a.state, a.start, a.paid = METERED, epoch, 0
        else:
            a.skipped = self.clock.now % seconds * FULL // seconds
            if deal.balance < a.share + deal.rate + a.rate:
                self._end(i, a, 0, LEFT, 22)
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

    def _hand_back(
        self, i: int, a: Assignment, kind: int, why: int, finder: Address | None = None
    ) -> int:
        deal, epoch = self.deals[a.deal], self.clock.epoch
        if a.state == ACTIVE:
            deal.rate -= a.rate
            deal.balance += a.share if a.start == epoch else a.rate
        end = epoch if a.state == METERED else epoch - 1
        return self._end(i, a, end, kind, why, finder)

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
        is_short = self.peers[a.peer].is_short
        return self._hand_back(i, a, EVICTED, 0, finder=None if is_short else caller)

    def at_fault(self, a: Assignment) -> bool:
        """Tell whether an alive assignment was not answered, or not proven for long enough.

        A short peer always is. Else the chain must have run: blocks, and a pulse in each epoch.
        """
        rules, epoch = self.parameters, self.clock.epoch
        if self.peers[a.peer].is_short:
            return True
        if a.state == PENDING:
            is_late = self.clock.now > a.start + rules.accept_seconds
            return is_late and self.clock.block > a.next + rules.accept_blocks
        first = epoch - rules.proof_window - rules.max_missed
        final = epoch - rules.proof_window - 1
        return (
            a.start <= first
            and not self.proofs.count(a.peer, first, epoch - 1)
            and self.proofs.count(PULSE, first, final) == rules.max_missed
        )

    def _release(self, i: int) -> int:
        a = self._unended(i)
        if a is None:
            return 30
        self.settle(a.deal)
        if self.alive(a):
            return 31
        return self._end(i, a, self.end_of(a), RELEASED, 0)

    def _end(
        self,
        i: int,
        a: Assignment,
        end: int,
        kind: int,
        why: int,
        finder: Address | None = None,
    ) -> int:
        """Return the units; with a `finder` of a fault they are lost, and their bond with them."""
        deal, peer, rules = self.deals[a.deal], self.peers[a.peer], self.parameters
        if self.alive(a):
            deal.units -= a.units
        ran = a.state != PENDING
        if not ran or (end < a.start and kind != CONVICTED):
            del self.assignments[i]
        else:
            a.state, a.end = CLOSED if a.state == METERED else ENDED, end
        peer.used -= a.units
        if finder is not None:
            peer.units -= a.units
            self.say("PeerUnits", peer=a.peer, units=peer.units)
            bond, fee = a.units * rules.bond_per_unit, a.units * rules.fault_fee
            self.bonds.slash(self.at, peer.provider, bond, fee, finder)
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

    def meter_of(self, i: int) -> Address:
        """Answer who signs the usage of an assignment, zero if it is not metered or not started."""
        a = self.assignments.get(i)
        return self.meters[a.deal] if a and a.state in (METERED, CLOSED) else ZERO

    def pay(self, caller: Address, i: int, work: int) -> tuple[int, int, int, int]:
        """Pay for signed work beyond what was paid; answer paid, owed, balance and deal."""
        need(caller == self.meter, BARE)
        a = self.assignments[i]
        deal = self.settle(a.deal)
        open_ = max(min(work * a.price // WORK, 2**48 - 1) - a.paid, 0)
        paid = min(open_, deal.balance)
        deal.balance -= paid
        a.paid += paid
        self.free[self.peers[a.peer].provider] += paid
        return paid, open_ - paid, deal.balance, a.deal

    def convict(self, caller: Address, i: int) -> tuple[int, Address, Address]:
        """End an assignment for a lie; answer what was seized, the provider and the developer."""
        need(caller == self.audits, BARE)
        a = self.assignments.get(i)
        if a is None or a.state == PENDING:
            return 0, ZERO, ZERO
        developer = self.deals[a.deal].developer
        peer, rules = self.peers[a.peer], self.parameters
        if a.state in (ACTIVE, METERED):
            self.settle(a.deal)
            if self.alive(a):
                self._hand_back(i, a, CONVICTED, 0)
            else:
                self._end(i, a, self.end_of(a), CONVICTED, 0)
        if a.state == ENDED:
            refunded = self.withhold(a)
            self.free[developer] += refunded
            self.say(
                "Claimed",
                assignment=i,
                provider=peer.provider,
                last=a.end,
                paid=0,
                refunded=refunded,
            )
        del self.assignments[i]
        bonded = min(a.units, peer.units)
        peer.units -= bonded
        self.say("PeerUnits", peer=a.peer, units=peer.units)
        bond, rest = bonded * rules.bond_per_unit, (a.units - bonded) * rules.bond_per_unit
        seized = self.bonds.seize(self.at, peer.provider, bond, rest, self.audits)
        return seized, peer.provider, developer

    def _claim(self, i: int) -> int:
        a = self.assignments.get(i)
        if a is None or a.state not in (ACTIVE, ENDED):
            return 40
        deal = self.deals[a.deal]
        if a.state == ACTIVE:
            self.settle(a.deal)
        last = self.claimable_until(a)
        if last < a.next:
            self._clear(i, a)
            return 41
        paid, refunded = self.split(a, last)
        provider = self.peers[a.peer].provider
        self.free[provider] += paid
        self.paid[provider] += paid
        self.free[deal.developer] += refunded
        a.next, a.skipped = last + 1, 0
        self._clear(i, a)
        self.say(
            "Claimed", assignment=i, provider=provider, last=last, paid=paid, refunded=refunded
        )
        return 0

    def _clear(self, i: int, a: Assignment) -> None:
        """Forget an ended record that is claimed to its end and can no longer be convicted."""
        if a.state == ENDED and a.next > a.end and self.clock.epoch > a.end + HOLD:
            del self.assignments[i]

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
