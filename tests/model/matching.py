"""Say which proposed matches become assignments, and why the others do not."""

from dataclasses import dataclass, field
from itertools import pairwise

from tests.model.books import Books
from tests.model.terms import (
    FOREVER,
    MAX_LIVE,
    MAX_RUN,
    ZERO,
    Address,
    Assignment,
    Deal,
    DeveloperOffer,
    Fill,
    Key,
    Permit,
    need,
)


@dataclass
class Round:
    """What a match counts while it looks at fill after fill, over all that is alive in the deal."""

    units: int = 0
    cost: int = 0
    live: int = 0
    accepted: int = 0
    per_provider: dict[Address, int] = field(default_factory=dict)
    regions: set[int] = field(default_factory=set)

    def add(self, provider: Address, region: int, units: int, price: int) -> None:
        """Count units of a peer that are, or become, part of the deal."""
        self.units += units
        self.cost += units * price
        self.live += 1
        self.per_provider[provider] = self.per_provider.get(provider, 0) + units
        self.regions.add(region)


class Matching(Books):
    """The function `match` of Market."""

    def match(
        self,
        caller: Address,
        offer: DeveloperOffer,
        signer: Address | None,
        fills: list[Fill],
        current: list[int],
        permit: Permit | None = None,
    ) -> int:
        """Make a deal of an offer, or refill the deal that it made; answer its number."""
        need(not self.paused, "matching: paused")
        need(
            offer.matcher in (ZERO, caller) or caller == offer.developer,
            "matching: not the matcher",
        )
        key = self.key_of(offer)
        need(offer.counter == self.counter[offer.developer], "matching: wrong counter")
        need((offer.developer, key) not in self.cancelled, "matching: offer cancelled")

        number = self.deal_of.get((offer.developer, key), 0)
        first = number == 0
        if first:
            number = self._open(offer, key, signer)
        deal = self.settle(number)
        if not first:
            need(not deal.stopped, "matching: deal stopped")
            need(self.clock.epoch < deal.end, "matching: deal ended")
            need(deal.run < MAX_RUN, "matching: too many lapses")

        count = self._count_live(number, current)
        need(count.units == deal.units, "matching: current incomplete")
        for fill in fills:
            self._fill(number, deal, offer, fill, count)
        need(count.accepted > 0, "matching: nothing to match")

        tip = 0
        if first:
            need(count.units >= offer.min_units, "matching: below min_units")
            need(len(count.regions) >= offer.min_regions, "matching: below min_regions")
            tip = self._pay_in(caller, offer, count.units, permit)
            self.say(
                "DealCreated",
                deal=number,
                developer=offer.developer,
                offer=key,
                app=offer.app,
                deposit=offer.deposit,
                end=deal.end,
                meter=offer.meter,
            )
        deal.units = count.units
        self.say("Matched", deal=number, caller=caller, units=deal.units, tip=tip)
        return number

    def _open(self, offer: DeveloperOffer, key: Key, signer: Address | None) -> int:
        epoch = self.clock.epoch
        need(self.clock.now <= offer.valid_until, "matching: offer expired")
        need(1 <= offer.min_units <= offer.units, "matching: bad min_units")
        fits = offer.units < 2**16 and offer.deposit < 2**64 and offer.tip < 2**64
        fits = fits and offer.epochs < 2**31 and offer.providers_mode <= 2
        need(fits, "matching: offer out of range")
        need(self.holds(offer.developer, key, signer), "matching: bad signature")
        number = len(self.deals) + 1
        end = epoch + offer.epochs if offer.epochs else FOREVER
        self.deals[number] = Deal(offer.developer, offer.deposit, rate=0, settled=epoch, end=end)
        if offer.meter != ZERO:
            self.deals[number].metered, self.meters[number] = True, offer.meter
        self.deal_of[offer.developer, key] = number
        return number

    def _pay_in(
        self, caller: Address, offer: DeveloperOffer, units: int, permit: Permit | None
    ) -> int:
        tip = offer.tip * units // offer.units  # rounds for the developer
        if permit is not None:
            self.usdc.permit(self.at, offer.developer, permit, self.clock.now)
        self.spend(offer.developer, offer.deposit + tip)
        self.free[caller] += tip
        return tip

    def holds(self, account: Address, key: Key, signer: Address | None) -> bool:
        """Tell whether the offer is approved on chain, or signed by the account itself."""
        return (account, key) in self.approved or (account != ZERO and signer == account)

    def _count_live(self, number: int, current: list[int]) -> Round:
        ascending = all(a < b for a, b in pairwise([0, *current]))
        need(ascending, "matching: current not ascending")
        count = Round()
        for a in (self.assignments.get(i) for i in current):
            if a is not None and a.deal == number and self.alive(a):
                peer = self.peers[a.peer]
                count.add(peer.provider, peer.region, a.units, a.price)
        return count

    def _fill(
        self, number: int, deal: Deal, offer: DeveloperOffer, fill: Fill, count: Round
    ) -> None:
        ask = fill.offer
        reason, units = self.judge(deal, offer, fill, count)
        if reason:
            self.say("FillSkipped", deal=number, peer=ask.peer, reason=reason)
            return
        peer = self.peers[ask.peer]
        peer.used += units
        count.add(peer.provider, peer.region, units, ask.price)
        count.accepted += 1
        self.assignments_made += 1
        self.assignments[self.assignments_made] = Assignment(
            number,
            ask.peer,
            units,
            ask.price,
            start=self.clock.now,
            run=deal.run,
            next=self.clock.block,
        )
        self.say(
            "Assigned",
            assignment=self.assignments_made,
            deal=number,
            peer=ask.peer,
            units=units,
            price=ask.price,
            offer=self.key_of(ask),
        )

    def judge(self, deal: Deal, offer: DeveloperOffer, fill: Fill, count: Round) -> tuple[int, int]:
        """Find the first reason against a fill, or 0 and the units that it gets."""
        ask, peer = fill.offer, self.peers.get(fill.offer.peer)
        if peer is None:
            return 1, 0
        if ask.kind != (offer.meter != ZERO):
            return 14, 0
        listed = peer.provider in offer.providers
        sold = count.per_provider.get(peer.provider, 0)
        cap = offer.max_units_per_provider or 2**16
        left = deal.balance - count.cost
        units = min(
            fill.units,
            offer.units - count.units,
            peer.units - peer.used,
            cap - sold,
            left // ask.price if ask.price else 0,  # whole units that one more epoch can pay
        )
        key = self.key_of(ask)
        reasons = {
            2: ask.price == 0 or ask.price > offer.max_price or ask.price >= 2**48,
            3: self.clock.now > ask.valid_until,
            4: ask.counter != self.counter[peer.provider],
            5: ask.developer not in (ZERO, offer.developer),
            6: peer.memory_mib < offer.min_memory_mib,
            7: offer.regions != 0 and not offer.regions >> peer.region & 1,
            8: peer.traits & offer.traits != offer.traits,
            9: (offer.providers_mode == 1 and not listed) or (offer.providers_mode == 2 and listed),
            10: count.live >= MAX_LIVE,
            11: units <= 0,
            12: (peer.provider, key) in self.cancelled,
            13: not self.holds(peer.provider, key, fill.signer),
        }
        return next((number for number, against in reasons.items() if against), 0), units

    def why(self, offer: DeveloperOffer, fill: Fill, current: list[int]) -> int:
        """Answer the reason that `match` would report for this fill alone, 0 if none."""
        number = self.deal_of.get((offer.developer, self.key_of(offer)))
        if number is None:
            deal, count = Deal(offer.developer, offer.deposit, rate=0, settled=0, end=0), Round()
        else:
            deal, count = self.settle(number), self._count_live(number, current)
        return self.judge(deal, offer, fill, count)[0]

    def is_complete(self, offer: DeveloperOffer, current: list[int]) -> bool:
        """Tell whether `current` is ascending and holds all that is alive in the offer's deal."""
        number = self.deal_of.get((offer.developer, self.key_of(offer)))
        if any(b <= a for a, b in pairwise([0, *current])):
            return False
        if number is None:
            return True
        return self.settle(number).units == self._count_live(number, current).units
