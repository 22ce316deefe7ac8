"""A node that leaves logs out, repeats or makes up some: nothing of it is ever given out."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasmarket.chain.following import Store
from tests.wasmarket.chain.lying_chain import (
    DEPLOYMENT,
    Lie,
    LyingChain,
    cut_off,
    nothing,
    of_another_kind,
    removed,
    twice,
    without_first,
)
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import ContradictoryAnswer, RpcError
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.errors import MarketError, Unreachable, WrongChain
from wasmarket.kernel.events import Committed, Deposited, PeerUnits
from wasmarket.testing.fake_chain import FakeChain

pytestmark = pytest.mark.unit

EVENTS = [PeerUnits(1, 2), PeerUnits(1, 3), Deposited(ZERO_ADDRESS, 5, 5)]
ALWAYS = 10**6
BASE = 20
"""Blocks that no storm undoes."""


def follower_of(chain, **options):
    return Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT), **options)


def try_sync(store, follower):
    """Poll once; return the error of the node, None if there was none."""
    try:
        store.sync(follower)
    except MarketError as error:
        return error
    return None


def near_chain():
    chain = LyingChain()
    chain.mine(Committed(1, 2, ZERO_HASH))
    chain.mine(*EVENTS)
    return chain


def far_chain():
    chain = LyingChain()
    for unit in range(30):
        chain.mine(PeerUnits(1, unit))
    chain.mine_many(10)
    return chain


@pytest.mark.parametrize("change", [nothing, without_first, cut_off, twice, removed])
@pytest.mark.parametrize("methods", [["fetch_block_logs"], ["fetch_block_logs", "all"]])
def test_poll__false_logs_of_a_new_block__are_never_given_out(change, methods):
    chain, store = near_chain(), Store()
    follower = follower_of(chain)
    names = ["fetch_all_block_logs" if name == "all" else name for name in methods]
    chain.lies = [Lie(name, change, ALWAYS, lambda logs: len(logs) == 3) for name in names]

    try_sync(store, follower)
    assert store.events in ([Committed(1, 2, ZERO_HASH)], [], [Committed(1, 2, ZERO_HASH), *EVENTS])
    chain.lies = []
    store.sync(follower)

    assert store.events == [Committed(1, 2, ZERO_HASH), *EVENTS]


def test_poll__no_logs_for_a_block_that_has_some__is_said_while_it_stays_so():
    chain, store = near_chain(), Store()
    chain.lies = [
        Lie("fetch_block_logs", nothing, ALWAYS),
        Lie("fetch_all_block_logs", nothing, ALWAYS),
    ]

    error = try_sync(store, follower_of(chain))

    assert isinstance(error, ContradictoryAnswer)
    assert "the fake chain" in error.detail
    assert error.remedy


def test_poll__log_that_the_header_denies__is_refused():
    chain, store = near_chain(), Store()
    chain.lies = [Lie("fetch_block_logs", of_another_kind, ALWAYS)]

    error = try_sync(store, follower_of(chain))

    assert isinstance(error, ContradictoryAnswer)
    assert "denies" in error.detail


@pytest.mark.parametrize("change", [nothing, cut_off, twice, removed])
def test_poll__false_logs_of_a_range__are_never_given_out(change):
    chain, store = far_chain(), Store()
    follower = follower_of(chain, depth=4)
    chain.lies = [Lie("fetch_range", change)]

    try_sync(store, follower)
    assert all(len(block.logs) == len(chain.truth(block.ref.hash)) for block in store.blocks)
    store.sync(follower)

    assert [event.units for event in store.events] == list(range(30))


@pytest.mark.parametrize("change", [nothing, cut_off, without_first])
def test_poll__false_logs_of_an_old_range__are_asked_for_again(change):
    chain, store = far_chain(), Store()
    follower = follower_of(chain, depth=4, proven=8)
    chain.lies = [Lie("fetch_range", change)]

    assert isinstance(try_sync(store, follower), ContradictoryAnswer)
    assert store.events == []
    store.sync(follower)

    assert [event.units for event in store.events] == list(range(30))


def test_poll__range_of_a_node_that_lags__is_not_believed():
    chain, store = far_chain(), Store()
    follower = follower_of(chain, depth=4)
    answer = chain.fetch_range
    behind = chain._blocks[:15]

    def lagging(*query):
        all_blocks, chain._blocks = chain._blocks, behind
        try:
            return answer(*query)
        finally:
            chain._blocks = all_blocks

    chain.fetch_range = lagging
    assert isinstance(try_sync(store, follower), RpcError)
    chain.fetch_range = answer
    store.sync(follower)

    assert [event.units for event in store.events] == list(range(30))


def test_poll__node_refuses_all_logs_of_a_block__ours_are_enough_if_no_kind_is_missing():
    class Choosy(LyingChain):
        def fetch_block_logs(self, addresses, hashes):
            if not addresses:
                raise RpcError("name an address", code=-32602)
            return super().fetch_block_logs(addresses, hashes)

    chain, store = Choosy(), Store()
    follower = follower_of(chain)
    chain.mine(*EVENTS)
    chain.lies = [Lie("fetch_block_logs", nothing)]

    assert isinstance(try_sync(store, follower), RpcError)
    assert store.events == []
    store.sync(follower)

    assert store.events == EVENTS


def test_poll__unchecked_headers__takes_the_nodes_word():
    chain, store = near_chain(), Store()
    chain.lies = [Lie("fetch_block_logs", nothing, ALWAYS)]

    store.sync(follower_of(chain, check_headers=False))

    assert store.tip == chain.head
    assert "fetch_checked_headers" not in chain.requests


def test_poll__node_is_of_another_chain_after_an_outage__is_refused():
    chain, store = near_chain(), Store()
    follower = follower_of(chain)
    chain.offline = True
    assert isinstance(try_sync(store, follower), Unreachable)

    chain.offline, chain.deployment = False, replace(DEPLOYMENT, chain_id=999)
    error = try_sync(store, follower)

    assert isinstance(error, WrongChain)
    assert "chain 999" in error.detail
    assert store.blocks == []


def test_poll__node_was_exchanged_between_two_polls__is_refused_before_anything_is_undone():
    chain, store = near_chain(), Store()
    follower = follower_of(chain)
    store.sync(follower)
    known = store.events
    other = FakeChain(replace(DEPLOYMENT, chain_id=999), timestamp=77)
    other.mine_many(5)
    follower._reader = other

    assert isinstance(try_sync(store, follower), WrongChain)

    assert store.events == known
    assert store.rollbacks == []


CHANGES = st.sampled_from([nothing, without_first, cut_off, twice, removed, of_another_kind])
NEAR_LIES = st.builds(
    Lie,
    st.just("fetch_block_logs"),
    CHANGES,
    st.integers(1, 3),
)
ALL_LIES = st.builds(
    Lie, st.just("fetch_all_block_logs"), st.sampled_from([nothing, without_first, twice])
)
FAR_LIES = st.builds(Lie, st.just("fetch_range"), st.sampled_from([nothing, twice, removed]))
ACTIONS = st.one_of(
    st.builds(lambda n: lambda chain: chain.mine(*EVENTS[:n]), st.integers(0, 3)),
    st.builds(
        lambda depth, n: (
            lambda chain: chain.reorg(min(depth, chain.head.number - BASE), *[EVENTS[:n]] * depth)
        ),
        st.integers(1, 6),
        st.integers(0, 3),
    ),
    st.builds(
        lambda lie: lambda chain: chain.lies.append(replace(lie)),
        st.one_of(NEAR_LIES, ALL_LIES, FAR_LIES),
    ),
    st.just(lambda chain: chain.rollback(min(2, chain.head.number - BASE))),
)


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=30), depth=st.integers(8, 12))
def test_poll__storm_of_lies_reorgs_and_lags__only_the_truth_is_given_out(actions, depth):
    chain, store = LyingChain(), Store(depth=200)
    chain.mine_many(BASE)
    follower = follower_of(chain, depth=depth, patience=1)
    store.sync(follower)

    for action in actions:
        action(chain)
        try_sync(store, follower)
        for block in store.blocks:
            truth = chain.truth(block.ref.hash)
            assert [log.log_index for log in block.logs] == [log.index for log in truth]
    chain.lies = []
    chain.mine()
    for _ in range(3):
        store.sync(follower)

    assert store.tip == chain.head
    numbers = [block.ref.number for block in store.blocks]
    assert numbers == sorted(set(numbers))
    logs = [log for block in chain._blocks for log in block.logs]
    assert [log.log_index for b in store.blocks for log in b.logs] == [log.index for log in logs]
