"""Say what Market does: money, peers, offers, deals and the owner's two powers."""

from typing import Any

from tests.model.assignments import Assignments
from tests.model.matching import Matching
from tests.model.terms import NOTICE, ZERO, Address, Key, Peer, need


class Market(Matching, Assignments):
    """Every external function, with its caller as the first argument."""

    def __init__(self, owner: Address, *books: Any) -> None:
        super().__init__(*books)
        self.owner, self.next_owner, self.paused = owner, ZERO, False

    def deposit(self, caller: Address, amount: int) -> None:
        """Pull tokens into the caller's free money."""
        self.amount(amount)
        self.usdc.pull(self.at, caller, amount)
        self.free[caller] += amount
        self.say("Deposited", account=caller, amount=amount, free=self.free[caller])

    def withdraw(self, caller: Address, amount: int, to: Address) -> None:
        """Pay free money out, to whom the caller names."""
        self.amount(amount)
        need(amount <= self.free[caller], "ledger: not enough free")
        self.free[caller] -= amount
        self.say("Withdrawn", account=caller, to=to, amount=amount, free=self.free[caller])
        need(to not in (ZERO, self.at), "tokens: bad receiver")
        self.usdc.move(self.at, to, amount)

    def claim_and_withdraw(self, caller: Address, ids: list[int], to: Address) -> None:
        """Claim, then pay out what the caller earned by it."""
        paid = self.claim(caller, ids)
        if paid > 0:
            self.withdraw(caller, paid, to)

    def register_peer(
        self,
        caller: Address,
        key: bytes,
        units: int,
        memory_mib: int,
        region: int,
        traits: int,
        wallet: Address,
        endpoint: str,
    ) -> int:
        """List a machine and bond its units; answer its number."""
        need(units > 0, "peers: no units")
        fits = units < 2**16 and memory_mib < 2**32 and region < 2**8 and traits < 2**96
        need(fits, "packing: out of range")
        number = len(self.peers) + 1
        self.peers[number] = Peer(caller, units, 0, memory_mib, region, wallet, traits)
        self.say(
            "PeerRegistered",
            peer=number,
            provider=caller,
            key=key,
            units=units,
            memory_mib=memory_mib,
            region=region,
            traits=traits,
            wallet=wallet,
            endpoint=endpoint,
        )
        self.bonds.lock(self.at, caller, units * self.parameters.bond_per_unit)
        return number

    def set_units(self, caller: Address, number: int, units: int) -> None:
        """Put more or fewer units up for sale, never fewer than are in use."""
        peer = self._own_peer(caller, number)
        need(units >= peer.used, "peers: units in use")
        need(units < 2**16, "packing: out of range")
        change = (units - peer.units) * self.parameters.bond_per_unit
        peer.units = units
        self.say("PeerUnits", peer=number, units=units)
        if change > 0:
            self.bonds.lock(self.at, caller, change)
        elif change < 0:
            self.bonds.unlock(self.at, caller, -change)

    def set_wallet(self, caller: Address, number: int, wallet: Address) -> None:
        """Replace a peer's hot key."""
        peer = self._own_peer(caller, number)
        self.retired[number, peer.wallet] = self.clock.epoch
        peer.wallet = wallet
        self.say("PeerWallet", peer=number, wallet=wallet)

    def set_endpoint(self, caller: Address, number: int, endpoint: str) -> None:
        """Say where a peer is reached now."""
        self._own_peer(caller, number)
        self.say("PeerEndpoint", peer=number, endpoint=endpoint)

    def wallet_of(self, number: int) -> Address:
        """Answer a peer's hot key, zero for no such peer."""
        return self.peers[number].wallet if number in self.peers else ZERO

    def _own_peer(self, caller: Address, number: int) -> Peer:
        need(
            number in self.peers and self.peers[number].provider == caller,
            "peers: not the provider",
        )
        return self.peers[number]

    def publish(self, caller: Address, key: Key, data: bytes) -> None:
        """Approve an offer without a signature, and show it to all."""
        self.approved.add((caller, key))
        self.say("OfferPublished", account=caller, hash=key, data=data)

    def cancel(self, caller: Address, key: Key) -> None:
        """Take one offer back for good."""
        self.cancelled.add((caller, key))
        self.say("OfferCancelled", account=caller, hash=key)

    def bump_counter(self, caller: Address) -> None:
        """Take all offers of the caller back for good."""
        self.counter[caller] += 1
        self.say("CounterBumped", account=caller, counter=self.counter[caller])

    def top_up(self, caller: Address, number: int, amount: int) -> None:
        """Give a deal more to spend; anyone may."""
        self.amount(amount)
        need(number in self.deals, "deals: no such deal")
        deal = self.settle(number)
        need(not deal.stopped, "deals: stopped")
        need(self.clock.epoch <= deal.end, "deals: ended")
        need(deal.balance + amount < 2**64, "deals: balance too large")
        deal.balance += amount
        self.say("DealBalance", deal=number, by=caller, balance=deal.balance)
        self.spend(caller, amount)

    def take(self, caller: Address, number: int, amount: int) -> None:
        """Take unspent money back, as the developer."""
        need(self._own_deal(caller, number), "deals: not the developer")
        self.amount(amount)
        deal = self.settle(number)
        is_due = self.clock.epoch > deal.end + NOTICE
        need(not deal.metered or is_due, "deals: notice")
        need(amount <= deal.balance, "deals: not enough balance")
        deal.balance -= amount
        self.free[caller] += amount
        self.say("DealBalance", deal=number, by=caller, balance=deal.balance)

    def stop(self, caller: Address, number: int) -> None:
        """End a deal: the epoch begun is paid, the rest is free money again.

        The rest of a metered deal stays, for vouchers that are on their way.
        """
        need(self._own_deal(caller, number), "deals: not the developer")
        deal = self.settle(number)
        need(not deal.stopped, "deals: stopped")
        returned = 0 if deal.metered else deal.balance
        deal.balance -= returned
        self.free[caller] += returned
        deal.rate = deal.units = 0
        deal.end, deal.stopped = min(deal.end, self.clock.epoch), True
        self.say("Stopped", deal=number, end=deal.end, returned=returned)

    def set_app(self, caller: Address, number: int, app: bytes) -> None:
        """Change what runs."""
        need(self._own_deal(caller, number), "deals: not the developer")
        self.say("AppChanged", deal=number, app=app)

    def _own_deal(self, caller: Address, number: int) -> bool:
        return number in self.deals and self.deals[number].developer == caller

    def set_paused(self, caller: Address, paused: bool) -> None:
        """Refuse new matches, or take them again. Nothing else stops."""
        need(caller == self.owner, "ownership: not the owner")
        self.paused = paused
        self.say("Paused", paused=paused)

    def offer_ownership(self, caller: Address, next_owner: Address) -> None:
        """Name who may become owner."""
        need(caller == self.owner, "ownership: not the owner")
        self.next_owner = next_owner
        self.say("OwnershipOffered", next_owner=next_owner)

    def accept_ownership(self, caller: Address) -> None:
        """Become owner, as the one who was named."""
        need(caller == self.next_owner, "ownership: not the next owner")
        self.owner, self.next_owner = caller, ZERO
        self.say("OwnershipTransferred", owner=caller)
