"""Put the contracts of the model on one clock, and call them as a chain would.

Read in this order: terms, books, market, matching, assignments; staking and proofs stand alone.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.model.audits import Audits
from tests.model.market import Market
from tests.model.meter import Meter
from tests.model.proofs import Proofs
from tests.model.staking import Staking
from tests.model.terms import (
    ACTIVE,
    METERED,
    PENDING,
    Address,
    Clock,
    Event,
    Key,
    Parameters,
    Refused,
)
from tests.model.token import Token


@dataclass(frozen=True)
class Places:
    """Where the contracts are, and who owns Market."""

    market: Address = "market"
    staking: Address = "staking"
    meter: Address = "meter"
    audits: Address = "audits"
    owner: Address = "owner"


@dataclass(frozen=True)
class Outcome:
    """What a call did: its events, or the reason why it did nothing."""

    events: tuple[Event, ...] = ()
    reason: str | None = None
    value: Any = None


class Journal:
    """The events of the call that runs."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, source: str, name: str, **fields: Any) -> None:
        """Write one down."""
        self.events.append(Event(source, name, fields))


class Law:
    """Market and the contracts around it, over two tokens. Calls are all or nothing."""

    market_class = Market

    def __init__(
        self,
        parameters: Parameters,
        places: Places = Places(),
        key_of: Callable[[Any], Key] = lambda offer: offer,
        now: int = 0,
    ) -> None:
        self.parameters = parameters
        self.journal = Journal()
        self.unasked = {"usdc": 0, "flt": 0}  # tokens that somebody sent without a call
        self.usdc, self.flt = Token(), Token()
        self.clock = Clock(now, parameters.epoch_seconds)
        self.market = self.market_class(
            places.owner, places.market, parameters, self.clock, self.usdc, self.journal, key_of
        )
        self.staking = Staking(
            places.staking,
            places.market,
            self.flt,
            parameters.leaving_delay,
            self.clock,
            self.journal,
        )
        self.proofs = Proofs(
            self.market.wallet_of, parameters.proof_window, self.clock, self.journal
        )
        self.meter = Meter(places.meter, self.market, self.journal)
        self.audits = Audits(
            places.audits,
            self.market,
            self.proofs,
            self.flt,
            parameters,
            self.clock,
            self.journal,
        )
        self.market.bonds, self.market.proofs = self.staking, self.proofs
        self.market.meter, self.market.audits = places.meter, places.audits

    def attempt(self, contract: str, function: str, caller: Address, *arguments: Any) -> Outcome:
        """Call `contract.function` as `caller`; when it is refused nothing has changed."""
        before = copy.deepcopy(self.__dict__)
        self.journal.events.clear()
        try:
            value = getattr(getattr(self, contract), function)(caller, *arguments)
        except Refused as refusal:
            self.__dict__ = before
            return Outcome(reason=str(refusal))
        return Outcome(events=tuple(self.journal.events), value=value)

    def give(self, sender: Address, amount: int, token: str) -> None:
        """Transfer USDC to Market or FLT to Staking past every call: it is nobody's there."""
        purse, to = (self.usdc, self.market.at) if token == "usdc" else (self.flt, self.staking.at)
        purse.move(sender, to, amount)
        self.unasked[token] += amount

    def travel(self, now: int, blocks: int = 1) -> None:
        """Let time pass until `now`, in so many blocks."""
        self.clock.now = max(now, self.clock.now)
        self.clock.block += blocks

    def check(self) -> None:
        """Assert what must always hold: the money adds up, and so do units and rates."""
        market, stakes = copy.deepcopy((self.market, self.staking))
        for number in market.deals:
            market.settle(number)
        aside = [market.put_aside(a) for a in market.assignments.values()]
        deals = sum(deal.balance for deal in market.deals.values())
        assert all(amount >= 0 for amount in aside)
        owed = sum(market.free.values()) + deals + sum(aside)
        assert market.usdc.balance[market.at] == owed + self.unasked["usdc"]

        leaving = sum(amount for amount, _ in stakes.leaving.values())
        held = sum(stakes.free.values()) + sum(stakes.locked.values()) + leaving
        assert self.flt.balance[stakes.at] == held + self.unasked["flt"]
        assert self.flt.balance[self.audits.at] == self.audits.held()
        for provider, locked in stakes.locked.items():
            units = sum(p.units for p in market.peers.values() if p.provider == provider)
            assert locked == units * self.parameters.bond_per_unit

        for number, peer in market.peers.items():
            mine = [a for a in market.assignments.values() if a.peer == number]
            is_open = (PENDING, ACTIVE, METERED)
            assert peer.used == sum(a.units for a in mine if a.state in is_open)
        for number, deal in market.deals.items():
            alive = [a for a in market.assignments.values() if a.deal == number and market.alive(a)]
            ended = self.clock.epoch > deal.end
            assert ended or deal.units == sum(a.units for a in alive)
            assert ended or deal.rate == sum(a.rate for a in alive if a.state == ACTIVE)
