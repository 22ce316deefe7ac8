"""Play the market at random on Anvil: a few short games, against the model in every step.

`make fuzz` plays long ones on titanoboa (test_market_on_boa.py).
"""

from functools import cache
from typing import Any

import ape
import pytest
from hypothesis import HealthCheck, settings

from tests.contracts.driver.ape_chain import ApeChain
from tests.contracts.driver.world import World
from tests.model.corners import CornerMachine
from tests.model.law import Outcome
from tests.model.terms import Permit

pytestmark = pytest.mark.anvil

START = 2_000_000_000


@cache
def founded() -> World:
    """Deploy and fund once; every game starts from a snapshot of this."""
    world = World(ApeChain(ape.accounts.test_accounts, ape.chain, ape.project, START))
    world.fund()
    return world


class MarketOnAnvil(CornerMachine):
    """Contracts and model, driven alike."""

    def prepare(self) -> None:
        self.world = founded().fork()
        self.world.chain.travel(START)
        self.snapshot = ape.chain.snapshot()
        self.law, self.roles = self.world.law, self.world.roles

    def call(self, contract: str, function: str, caller: str, *arguments: Any) -> Outcome:
        return self.world.call(contract, function, caller, *arguments)

    def travel(self, now: int) -> None:
        self.world.travel(now)

    def allow(self, account: str, amount: int) -> None:
        self.world.allow(account, amount)

    def use_permit(self, owner: str, permit: Permit, by: str) -> None:
        self.world.use_permit(owner, permit, by)

    def give(self, sender: str, amount: int, token: str) -> None:
        self.world.give_unasked(sender, amount, token)

    def teardown(self) -> None:
        self.run_off()
        self.world.check_conservation()
        ape.chain.restore(self.snapshot)


TestMarketOnAnvil = MarketOnAnvil.TestCase
TestMarketOnAnvil.settings = settings(
    max_examples=5,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
