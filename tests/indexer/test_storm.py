"""An indexer of a node that lies, lags and reorganises: its store says what the chain says."""

import threading
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from tests.wasmarket.chain.lying_chain import Lie, LyingChain, cut_off, nothing, removed, twice
from tests.wasmarket.store.stores import copy_store, dump
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.events import CounterBumped, Deposited

pytestmark = pytest.mark.unit

NEVER = threading.Event()
NUMBERS = count()
METHODS = ["fetch_block_logs", "fetch_all_block_logs"]


def bump(counter):
    account = to_address(bytes([counter % 5 + 1]) * 20)
    return [CounterBumped(account, counter), Deposited(account, 1, counter)]


ACTIONS = st.one_of(
    st.builds(lambda n: lambda chain: chain.mine(*bump(n)), st.integers(1, 200)),
    st.builds(
        lambda depth, n: lambda chain: chain.reorg(min(depth, chain.head.number - 2), bump(n)),
        st.integers(1, 5),
        st.integers(1, 200),
    ),
    st.builds(
        lambda *lie: lambda chain: chain.lies.append(replace(Lie(*lie))),
        st.sampled_from(METHODS),
        st.sampled_from([nothing, cut_off, twice, removed]),
        st.integers(1, 3),
    ),
    st.just(lambda chain: setattr(chain, "offline", not chain.offline)),
)


def index(database, chain):
    loop = IndexLoop(database, chain, chain.deployment, Board(CollectorRegistry()))
    assert loop._leader.acquire()
    return loop


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=st.lists(ACTIONS, max_size=20))
def test_take_turn__storm_of_lies_reorgs_and_outages__ends_with_the_chains_state(
    template, tmp_path, actions
):
    chain = LyingChain()
    chain.mine_many(3)
    stores = [copy_store(template, tmp_path / f"{next(NUMBERS)}.sqlite") for _ in range(2)]
    loop = index(stores[0], chain)

    for action in actions:
        action(chain)
        with suppress(MarketError):
            loop.take_turn(NEVER)
    chain.offline, chain.lies = False, []
    chain.mine()
    loop.take_turn(NEVER)
    fresh = index(stores[1], chain)
    fresh.take_turn(NEVER)

    assert dump(stores[0]) == dump(stores[1])
    for opened in (loop, fresh, *stores):
        opened.close()
