"""Billing on touch is billing at every boundary; who touches, and when, changes nothing."""

import os
import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.eager import EagerLaw
from tests.model.law import Law, Outcome
from tests.model.machine import ROLES, MarketMachine
from tests.model.terms import Event, Parameters, Permit
from tests.model.trials import TrialMachine

pytestmark = pytest.mark.unit

START = 1_000_000
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
STEPS = int(os.environ.get("FUZZ_STEPS", "25"))
PROFILE = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)


def founded(law: Law) -> Law:
    """Give every role tokens, allowances and stake."""
    for role in ROLES:
        law.usdc.balance[role] = 10**6
        law.usdc.allowance[role, "market"] = 2**256 - 1
        law.flt.balance[role] = 10**22
        law.flt.allowance[role, "staking"] = law.flt.allowance[role, "audits"] = 2**256 - 1
        law.attempt("staking", "deposit", role, 2_000 * 10**18)
    return law


def without_lapses(outcome: Outcome) -> list[Event]:
    """Drop the one event whose moment depends on who touches first."""
    return [event for event in outcome.events if event.name != "Lapsed"]


class TwoLaws(MarketMachine):
    """The lazy law, and a second one that must say the same."""

    second: Law

    def prepare(self) -> None:
        self.law = founded(Law(Parameters(), now=START))
        self.second = founded(self.rival())
        self.roles = {role: role for role in ROLES}

    def rival(self) -> Law:
        raise NotImplementedError

    def call(self, contract: str, function: str, caller: str, *arguments: Any) -> Outcome:
        outcome = self.law.attempt(contract, function, caller, *arguments)
        rival = self.second.attempt(contract, function, caller, *arguments)
        assert outcome.reason == rival.reason
        self.compare(outcome, rival)
        self.law.check()
        self.second.check()
        return outcome

    def compare(self, outcome: Outcome, rival: Outcome) -> None:
        assert without_lapses(outcome) == without_lapses(rival)
        assert {k: v for k, v in self.law.market.free.items() if v} == {
            k: v for k, v in self.second.market.free.items() if v
        }

    def travel(self, now: int) -> None:
        self.law.travel(now, 5)
        self.second.travel(now, 5)

    def halt(self, seconds: int) -> None:
        now = self.law.clock.now + seconds
        self.law.travel(now, 0)
        self.second.travel(now, 0)

    def allow(self, account: str, amount: int) -> None:
        for law in (self.law, self.second):
            law.usdc.allowance[account, "market"] = amount

    def use_permit(self, owner: str, permit: Permit, by: str) -> None:
        for law in (self.law, self.second):
            law.usdc.permit("market", owner, permit, law.clock.now)

    def give(self, sender: str, amount: int, token: str) -> None:
        for law in (self.law, self.second):
            law.give(sender, amount, token)

    def teardown(self) -> None:
        self.run_off()


class LazyIsEager(TrialMachine, TwoLaws):
    def rival(self) -> Law:
        return EagerLaw(Parameters(), now=START)


class SettlingIsFree(TrialMachine, TwoLaws):
    """The second law is settled by somebody in every epoch that passes."""

    def rival(self) -> Law:
        return Law(Parameters(), now=START)

    def travel(self, now: int) -> None:
        self.law.travel(now, 5)
        for boundary in range(self.second.clock.now, now, 100):
            self.second.travel(boundary, 0)
            for number in self.second.market.deals:
                self.second.market.settle(number)
        self.second.travel(now, 5)


class StrangersMayClaim(TwoLaws):
    """On the second law strangers claim everything, in any order, whenever time passes."""

    def rival(self) -> Law:
        self.random = random.Random(self.salt)
        return Law(Parameters(), now=START)

    def travel(self, now: int) -> None:
        super().travel(now)
        self.second.attempt("market", "claim", "stranger", self.shuffled(self.second))

    def shuffled(self, law: Law) -> list[int]:
        return self.random.sample(ids := list(law.market.assignments), len(ids))

    def compare(self, outcome: Outcome, rival: Outcome) -> None:
        """What is not claimed yet is all that the first law may lack."""
        names = {"Lapsed", "Claimed", "Skipped"}
        assert [e for e in outcome.events if e.name not in names] == [
            e for e in rival.events if e.name not in names
        ]

    def call(self, contract: str, function: str, caller: str, *arguments: Any) -> Outcome:
        if function in ("withdraw", "claim_and_withdraw", "claim", "deposit"):
            return Outcome(reason="not in this play")
        return super().call(contract, function, caller, *arguments)

    def teardown(self) -> None:
        last = self.law.clock.epoch + 3_000
        for law in (self.law, self.second):
            for _ in range(9):
                law.travel(last * 100)
                law.attempt("market", "release", "stranger", self.shuffled(law))
                law.attempt("market", "claim", "stranger", self.shuffled(law))
            law.check()
        totals = [
            {role: law.market.free[role] + law.usdc.balance[role] for role in ROLES}
            for law in (self.law, self.second)
        ]
        assert totals[0] == totals[1]


TestLazyIsEager = LazyIsEager.TestCase
TestLazyIsEager.settings = PROFILE
TestSettlingIsFree = SettlingIsFree.TestCase
TestSettlingIsFree.settings = PROFILE
TestStrangersMayClaim = StrangersMayClaim.TestCase
TestStrangersMayClaim.settings = PROFILE


def test_games__as_few_as_are_played_by_default__reach_a_deal_that_lapsed_twice():
    """Faults in the ends of old runs need two of one deal, and one that goes on behind them."""
    ends = []

    class Watched(LazyIsEager):
        def teardown(self) -> None:
            ends.append(dict(self.law.market.run_end))
            super().teardown()

    few = settings(max_examples=2, stateful_step_count=10, deadline=None, database=None)
    run_state_machine_as_test(Watched, settings=few)

    assert any(runs.keys() >= {(1, 0), (1, 1)} for runs in ends)
    assert any(runs[1, 0] < runs[1, 1] for runs in ends if (1, 1) in runs)
