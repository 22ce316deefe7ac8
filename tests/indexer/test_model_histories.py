"""The store agrees with the model of the law after every call, and forgets undone blocks."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from indexer.apply import apply_logs
from store.chain_writer import ChainWriter
from tests.indexer.market_history import (
    ADDRESSES,
    Chain,
    check_store,
    deployment_of_model,
    make_law,
)
from tests.model.law import Outcome
from tests.model.machine import ROLES, MarketMachine
from tests.store.stores import copy_store, dump

pytestmark = pytest.mark.unit

# Without shrinking: a step costs milliseconds, and the failing history is printed anyway.
PROFILE = settings(
    max_examples=5,
    stateful_step_count=20,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class IndexedMarket(MarketMachine):
    """A model, a chain of its events, and a store that indexes them through reorgs."""

    template: Path

    def prepare(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.law = make_law()
        self.roles = {role: ADDRESSES[role] for role in ROLES}
        self.chain = Chain(deployment_of_model(), [])
        self.database = copy_store(self.template, Path(self.folder.name) / "store.sqlite")
        self.writer = ChainWriter(self.database, self.chain.deployment)
        self.writer.open()
        self.worlds: list[Any] = []
        for role in ROLES:
            self.call("staking", "deposit", ADDRESSES[role], 2_000 * 10**18)
            self.call("market", "deposit", ADDRESSES[role], 150)

    def call(self, contract: str, function: str, caller: str, *arguments: Any) -> Outcome:
        outcome = self.law.attempt(contract, function, caller, *arguments)
        if outcome.reason is None:
            self.mine(outcome.events)
        return outcome

    def travel(self, now: int) -> None:
        self.law.travel(now)
        self.mine(())

    def mine(self, events: tuple[Any, ...]) -> None:
        block = self.chain.mine(events, self.law.clock.now)
        self.writer.apply(block.ref, lambda rows: apply_logs(rows, self.chain.deployment, block))
        self.worlds.append(copy.deepcopy((self.law, self.offers, self.salt)))
        check_store(self.database, self.law)

    @rule(depth=st.integers(1, 12))
    def reorg(self, depth: int) -> None:
        if len(self.chain.blocks) <= depth:
            return
        del self.chain.blocks[-depth:], self.worlds[-depth:]
        self.chain.fork += 1
        self.law, self.offers, self.salt = copy.deepcopy(self.worlds[-1])
        target = self.chain.blocks[-1].ref
        self.writer.undo(target.number, target.hash)
        check_store(self.database, self.law)

    def teardown(self) -> None:
        """Index the branch that was left from nothing, and compare every row."""
        straight = copy_store(self.template, Path(self.folder.name) / "straight.sqlite")
        writer = ChainWriter(straight, self.chain.deployment)
        writer.open()
        for block in self.chain.blocks:
            writer.apply(
                block.ref,
                lambda rows, block=block: apply_logs(rows, self.chain.deployment, block),
            )
        after, expected = dump(self.database), dump(straight)
        after.pop("block"), expected.pop("block")
        for opened in (self.writer, writer):
            opened.close()
        for opened in (self.database, straight):
            opened.close()
        self.folder.cleanup()
        assert after == expected


def test_index__random_history_with_reorgs__says_what_the_model_says(template):
    machine = type("Machine", (IndexedMarket,), {"template": template})
    run_state_machine_as_test(machine, settings=PROFILE)
