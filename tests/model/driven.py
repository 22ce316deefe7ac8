"""What every machine of the market does: calls, travels, signs offers, and finds by an index.

An index is any number that a rule drew: what it finds is there, or is the next that will be.
"""

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from tests.model.law import Law, Outcome
from tests.model.terms import (
    ZERO,
    Address,
    Assignment,
    DeveloperOffer,
    Fill,
    Permit,
    ProviderOffer,
)

Line = tuple[int, int, int, str | None]  # index of a peer, price, units, flaw of the provider offer


class DrivenMachine(RuleBasedStateMachine):
    """A market that is driven; subclasses say which, and what happens to it."""

    law: Law
    roles: dict[str, Address]

    def __init__(self) -> None:
        super().__init__()
        self.offers: list[DeveloperOffer] = []
        self.salt = 0
        self.prepare()

    def prepare(self) -> None:
        """Set `law` and `roles`, with USDC, FLT and stake for every role."""
        raise NotImplementedError

    def call(self, contract: str, function: str, caller: Address, *arguments: Any) -> Outcome:
        """Do what the rule chose, and check what it did."""
        raise NotImplementedError

    def travel(self, now: int) -> None:
        """Let time pass."""
        raise NotImplementedError

    def halt(self, seconds: int) -> None:
        """Let time pass without a block."""
        raise NotImplementedError

    def allow(self, account: Address, amount: int) -> None:
        """Replace what Market may pull of an account's USDC."""
        raise NotImplementedError

    def use_permit(self, owner: Address, permit: Permit, by: Address) -> None:
        """Send a permit for Market straight to the token."""
        raise NotImplementedError

    def give(self, sender: Address, amount: int, token: str) -> None:
        """Transfer USDC to Market or FLT to Staking, past every call."""
        raise NotImplementedError

    def _offer(self, developer: str, **wishes: Any) -> DeveloperOffer:
        self.salt += 1
        account = self.roles[developer]
        plain: dict[str, Any] = {
            "developer": account,
            "app": b"\2" * 32,
            "min_units": 1,
            "units": 4,
            "max_units_per_provider": 0,
            "min_regions": 0,
            "max_price": 15,
            "epochs": 0,
            "deposit": 100,
            "min_memory_mib": 0,
            "regions": 0,
            "traits": 0,
            "providers": (self.roles["provider"],),
            "providers_mode": 0,
            "matcher": ZERO,
            "tip": 3,
            "valid_until": self.law.clock.now + 1_000,
            "counter": self.law.market.counter[account],
            "salt": self.salt,
        }
        return DeveloperOffer(**{**plain, **wishes})

    def _open(
        self, caller: str, offer: DeveloperOffer, fills: list[Line], signed: bool = True
    ) -> None:
        signer = offer.developer if signed else None
        if self._match(self.roles[caller], offer, signer, fills, []).reason is None:
            self.offers.append(offer)

    def _match(
        self,
        caller: Address,
        offer: DeveloperOffer,
        signer: Address | None,
        fills: list[Line],
        current: list[int],
    ) -> Outcome:
        lines = [self._fill(*fill) for fill in fills]
        return self.call("market", "match", caller, offer, signer, lines, current, None)

    def _fill(self, index: int, price: int, units: int, flaw: str | None) -> Fill:
        number, now = self._peer(index), self.law.clock.now
        peer = self.law.market.peers.get(number)
        provider = peer.provider if peer else self.roles["provider"]
        counter = self.law.market.counter[provider]
        offer = ProviderOffer(
            peer=number,
            price=2**48 if flaw == "dear" else price,
            developer=self.roles["other_developer"] if flaw == "private" else ZERO,
            valid_until=now - 1 if flaw == "expired" else now + 10_000,
            counter=counter + 1 if flaw == "counter" else counter,
        )
        return Fill(offer, units, None if flaw == "unsigned" else provider)

    def _peer(self, index: int) -> int:
        return index % (len(self.law.market.peers) + 1) + 1

    def _deal(self, index: int) -> int:
        return index % (len(self.law.market.deals) + 1) + 1

    def _ids(self, indexes: list[int]) -> list[int]:
        market = self.law.market
        known = [*market.assignments, market.assignments_made + 1]
        return [known[index % len(known)] for index in indexes]

    def _assignment(self, number: int) -> Assignment | None:
        return self.law.market.assignments.get(number)

    def _owner_of(self, peer: int, right: bool) -> Address:
        found = self.law.market.peers.get(peer)
        return found.provider if found and right else self.roles["stranger"]

    def _operator_of(self, number: int, right: bool) -> Address:
        a = self._assignment(number)
        return self.law.market.peers[a.peer].wallet if a and right else self.roles["stranger"]

    def _developer_of(self, deal: int, right: bool) -> Address:
        found = self.law.market.deals.get(deal)
        return found.developer if found and right else self.roles["stranger"]
