"""Play the market at random on the real bytecode, in this process."""

import os
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.contracts.driver.boa_chain import BoaChain
from tests.contracts.driver.world import World
from tests.model.law import Outcome
from tests.model.terms import Permit
from tests.model.trials import TrialMachine

pytestmark = pytest.mark.unit

START = 1_800_000_000
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
STEPS = int(os.environ.get("FUZZ_STEPS", "10"))
VIEWS_EVERY = 20  # steps; the words are compared in every one


@cache
def founded() -> World:
    """Deploy and fund once; every game starts from a snapshot of this."""
    world = World(BoaChain(START))
    world.fund()
    world.chain.peeks = True
    return world


class MarketOnBoa(TrialMachine):
    """Contracts and model, driven alike."""

    def prepare(self) -> None:
        self.world = founded().fork()
        self.world.chain.travel(START)
        self.world.views_every = VIEWS_EVERY
        self.snapshot = self.world.chain.snapshot()
        self.law, self.roles = self.world.law, self.world.roles

    def call(self, contract: str, function: str, caller: str, *arguments: Any) -> Outcome:
        return self.world.call(contract, function, caller, *arguments)

    def travel(self, now: int) -> None:
        self.world.travel(now)

    def halt(self, seconds: int) -> None:
        self.world.travel(self.law.clock.now + seconds, blocks=0)

    def allow(self, account: str, amount: int) -> None:
        self.world.allow(account, amount)

    def use_permit(self, owner: str, permit: Permit, by: str) -> None:
        self.world.use_permit(owner, permit, by)

    def give(self, sender: str, amount: int, token: str) -> None:
        self.world.give_unasked(sender, amount, token)

    def teardown(self) -> None:
        self.run_off()
        self.world.check_conservation()
        self.world.chain.restore(self.snapshot)


TestMarketOnBoa = MarketOnBoa.TestCase
TestMarketOnBoa.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
