"""A random market whose events are indexed through reorgs, and compared at every step."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from indexer.apply import apply_logs
from tests.indexer.market_history import (
    ADDRESSES,
    Chain,
    check_store,
    deployment_of_model,
    make_law,
)
from tests.indexer.recounting import check_reputations
from tests.model.law import Outcome
from tests.model.machine import ROLES, MarketMachine
from tests.wasmarket.store.stores import dump
from wasmarket.store.chain.writer import ChainWriter
from wasmarket.store.database import Database

KEPT_EVERY = 5
"""Blocks between two times at which totals are kept."""

# Without shrinking: a step costs milliseconds, and the failing history is printed anyway.
PROFILE = settings(
    max_examples=4,
    stateful_step_count=20,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class IndexedMarket(MarketMachine):
    """A model, a chain of its events, and a store that indexes them through reorgs."""

    new_store: Callable[[], Database]

    def prepare(self) -> None:
        self.law = make_law()
        self.roles = {role: ADDRESSES[role] for role in ROLES}
        self.chain = Chain(deployment_of_model(), [])
        self.database = type(self).new_store()
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
        self.writer.apply(block.ref, lambda rows: apply_logs(rows, self.chain.deployment, [block]))
        # An indexer keeps totals when it has time to; what readers say must not depend on that.
        if len(self.chain.blocks) % KEPT_EVERY == 0:
            while self.writer.keep_totals():
                pass
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
        check_reputations(self.database, self.chain)
        straight = type(self).new_store()
        writer = ChainWriter(straight, self.chain.deployment)
        writer.open()
        for block in self.chain.blocks:
            writer.apply(
                block.ref,
                lambda rows, block=block: apply_logs(rows, self.chain.deployment, [block]),
            )
        after, expected = dump(self.database), dump(straight)
        after.pop("block"), expected.pop("block")
        for opened in (self.writer, writer):
            opened.close()
        for opened in (self.database, straight):
            opened.close()
        assert after == expected


def indexed_in(new_store: Callable[[], Database]) -> type[IndexedMarket]:
    """Return the machine with stores of one kind."""
    return type("Machine", (IndexedMarket,), {"new_store": staticmethod(new_store)})
