"""Following in memory, and what only a fake can be made to do: change between two requests."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasmarket.chain.following import FollowingTests, Store
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import ReorgTooDeep
from wasmarket.chain.reading.blocks import Block
from wasmarket.chain.reading.follower import Follower
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.events import PeerUnits
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

DEPLOYMENT = fake_deployment()


class TestFollowingFake(FollowingTests):
    @pytest.fixture
    def world(self, fake_world):
        return fake_world


class RestlessChain(FakeChain):
    """Runs the next of `happenings` before every request about blocks; some nodes `forget` old
    forks."""

    def __init__(self, happenings=(), *, forget=False, **options):
        self.happenings = []
        self.forget = forget
        super().__init__(DEPLOYMENT, **options)
        self.happenings = list(happenings)

    def _count(self, method):
        if self.happenings and method not in ("fetch_chain_id", "fetch_code"):
            happening = self.happenings.pop(0)
            if happening is not None:
                happening(self)
        if self.forget:
            self._by_hash = {block.ref.hash: block for block in self._blocks}
        super()._count(method)


def canonical_events(chain):
    logs = chain.fetch_logs(Decoder(DEPLOYMENT).addresses, 0, 2**63)
    return [
        log.event
        for log in Decoder(DEPLOYMENT).decode_all(
            logs, dict.fromkeys([log.block_hash for log in logs], 0)
        )
    ]


def reorg(depth, *units):
    blocks = [[PeerUnits(1, unit)] for unit in units]
    return lambda chain: chain.reorg(min(depth, chain.head.number - 1), *blocks)


def mine(*units):
    return lambda chain: chain.mine(*(PeerUnits(1, unit) for unit in units))


actions = st.one_of(
    st.none(),
    st.none(),
    st.builds(lambda units: mine(*units), st.lists(st.integers(0, 99), max_size=3)),
    st.builds(
        lambda depth, units: reorg(depth, *units),
        st.integers(1, 6),
        st.lists(st.integers(100, 199), max_size=4),
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    start=st.lists(st.integers(0, 2), max_size=12),
    happenings=st.lists(actions, max_size=25),
    depth=st.integers(8, 12),
    forget=st.booleans(),
)
def test_poll__chain_changing_between_any_two_requests__ends_with_the_chains_events(
    start, happenings, depth, forget
):
    chain = RestlessChain(forget=forget)
    for count in start:
        chain.mine(*[PeerUnits(0, count)] * count)
    chain.happenings = list(happenings)
    follower = Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT), depth=depth, patience=1)
    store = Store(depth=200)

    while chain.happenings:
        store.sync(follower)
        numbers = [block.ref.number for block in store.blocks]
        assert numbers == sorted(set(numbers))
        assert all(log.block_hash == b.ref.hash for b in store.blocks for log in b.logs)
    for _ in range(3):
        store.sync(follower)

    assert store.tip == chain.head
    assert store.events == canonical_events(chain)


def test_poll__reorg_between_headers_and_far_logs__gives_nothing_of_either(world_far):
    chain, follower = world_far
    chain.happenings = [None, None, lambda c: c.reorg(30, *[[PeerUnits(9, 9)]] * 30)]
    store = Store()

    store.sync(follower)

    assert PeerUnits(9, 9) not in store.events
    for block in store.blocks:
        assert all(log.block_hash == block.ref.hash for log in block.logs)


@pytest.fixture
def world_far():
    chain = RestlessChain()
    for unit in range(30):
        chain.mine(PeerUnits(1, unit))
    return chain, Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT), depth=2)


def test_poll__reorg_below_a_block_just_read__does_not_link_two_forks():
    chain = RestlessChain()
    chain.mine(PeerUnits(1, 1))
    follower = Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT))
    store = Store()
    store.sync(follower)
    chain.mine(PeerUnits(1, 2))
    chain.happenings = [None, reorg(2, 3, 4)]

    store.sync(follower)
    assert store.events == [PeerUnits(1, 1)]
    store.sync(follower)

    assert store.events == [PeerUnits(1, 3), PeerUnits(1, 4)]


def test_poll__node_offline__raises_and_goes_on_later():
    chain = FakeChain(DEPLOYMENT)
    follower = Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT))
    store = Store()
    chain.offline = True
    with pytest.raises(Unreachable):
        store.sync(follower)

    chain.offline = False
    chain.mine(PeerUnits(1, 1))
    store.sync(follower)

    assert store.events == [PeerUnits(1, 1)]


def test_poll__node_with_small_answers__still_gives_everything():
    chain = FakeChain(DEPLOYMENT, max_logs=5)
    for unit in range(60):
        chain.mine(PeerUnits(1, unit))
    store = Store()

    store.sync(Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT), depth=4))

    assert [event.units for event in store.events] == list(range(60))


def test_poll__late_node_twice_with_progress_between__never_undoes():
    chain = FakeChain(DEPLOYMENT)
    chain.mine_many(3)
    follower = Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT), patience=2)
    store = Store()
    store.sync(follower)
    behind = list(chain._blocks)

    for _ in range(5):
        chain._blocks = behind[:-1]
        store.sync(follower)
        chain._blocks = behind
        store.sync(follower)

    assert store.rollbacks == []


def test_poll__before_the_deployments_block__gives_nothing():
    chain = FakeChain(DEPLOYMENT)
    follower = Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT), confirmations=5)

    assert list(follower.poll([])) == []


def test_poll__only_the_first_block_known_and_replaced__says_index_again():
    chain = FakeChain(DEPLOYMENT)
    follower = Follower(chain, DEPLOYMENT, Decoder(DEPLOYMENT))
    [first] = follower.poll([])
    assert isinstance(first, Block)
    other = FakeChain(DEPLOYMENT, timestamp=5)

    with pytest.raises(ReorgTooDeep):
        list(Follower(other, DEPLOYMENT, Decoder(DEPLOYMENT)).poll([first.ref]))
