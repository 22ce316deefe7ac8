"""Which peer is asked: the nearest healthy one, breakers that open and close, probes."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.deals import PeerRoute
from gateway.upstream.choice import Breaker, Choice, ChoiceRules
from gateway.upstream.probes import Prober
from tests.gateway.peers import FakePeers
from wasmarket.kernel.errors import Unreachable
from wasmarket.serving.daemon import Pace, TaskLoop
from wasmarket.serving.peer_wire.connection import PeerFailed

pytestmark = pytest.mark.unit

REST = 5.0


class Town:
    """Some peers, a clock, and what is known of them."""

    def __init__(self, peers=3):
        self.now = 100.0
        self.routes = [PeerRoute(n, f"http://peer{n}", 0) for n in range(1, peers + 1)]
        self.choice = Choice(ChoiceRules(REST, 3, 10.0), lambda: self.now)

    @property
    def order(self):
        return [route.peer for route in self.choice.order(self.routes)]

    def call(self, peer, seconds=0.01):
        route = self.routes[peer - 1]
        began = self.choice.begin(route)
        self.now += seconds
        self.choice.answered(route, began)

    def fail(self, peer, *, is_down=False):
        route = self.routes[peer - 1]
        self.choice.begin(route)
        self.choice.failed(route, is_down=is_down)

    def breaker(self, peer):
        [state] = [state for state in self.choice.known() if state.route.peer == peer]
        return state.breaker(self.now)


@pytest.fixture
def town():
    return Town()


def test_order__alike__takes_turns(town):
    asked = []
    for _ in range(9):
        asked.append(town.order[0])
        town.call(asked[-1])

    assert asked == [1, 2, 3] * 3


def test_order__nearest__comes_first(town):
    for peer, seconds in ((1, 0.2), (2, 0.01), (3, 0.1)):
        town.call(peer, seconds)

    assert town.order == [2, 3, 1]


def test_order__busy__gives_way(town):
    for peer, seconds in ((1, 0.02), (2, 0.03), (3, 0.5)):
        town.call(peer, seconds)
    for _ in range(3):
        town.choice.begin(town.routes[0])

    assert town.order[0] == 2


def test_order__slow_once__is_tried_again_after_a_while(town):
    town.call(1, 2.0)
    for _ in range(60):
        town.call(2, 0.01)
        town.call(3, 0.01)
    assert town.order[-1] == 1

    town.now += 60
    town.call(2, 0.01)
    town.call(3, 0.01)

    assert town.order[0] == 1


def test_breaker__nobody_listens__opens_at_once(town):
    town.fail(1, is_down=True)

    assert town.breaker(1) is Breaker.OPEN
    assert town.order[-1] == 1


def test_breaker__failures_in_a_row__open_it_and_an_answer_between_does_not(town):
    for _ in range(2):
        town.fail(1)
    town.call(1)
    for _ in range(2):
        town.fail(1)
    assert town.breaker(1) is Breaker.CLOSED

    town.fail(1)

    assert town.breaker(1) is Breaker.OPEN


def test_breaker__rested__lets_one_trial_through(town):
    town.fail(1, is_down=True)
    town.now += REST - 0.1
    assert town.breaker(1) is Breaker.OPEN

    town.now += 0.2

    assert town.breaker(1) is Breaker.HALF_OPEN
    for peer in (2, 3):
        town.call(peer)
    assert town.order[0] == 1
    town.choice.begin(town.routes[0])
    assert town.order[-1] == 1


def test_breaker__trial_fails__rests_twice_as_long_up_to_a_minute(town):
    rests = []
    for _ in range(6):
        town.fail(1, is_down=True)
        began = town.now
        while town.breaker(1) is Breaker.OPEN:
            town.now += 1
        rests.append(town.now - began)

    assert rests == [5, 10, 20, 40, 60, 60]


def test_breaker__trial_answers__is_as_if_nothing_had_been(town):
    town.fail(1, is_down=True)
    town.now += REST
    town.call(1)

    assert town.breaker(1) is Breaker.CLOSED
    for _ in range(2):
        town.fail(1)
    assert town.breaker(1) is Breaker.CLOSED


def test_breaker__call_given_up__leaves_it_as_it_was(town):
    town.fail(1, is_down=True)
    town.now += REST
    town.choice.left(town.routes[0], town.choice.begin(town.routes[0]))

    assert town.breaker(1) is Breaker.HALF_OPEN


def test_order__call_given_up__counts_as_that_slow(town):
    for peer in (1, 2, 3):
        town.call(peer)
    began = town.choice.begin(town.routes[0])
    town.now += 1.0

    town.choice.left(town.routes[0], began)

    assert town.order[-1] == 1


def test_order__all_open__are_still_asked(town):
    for peer in (1, 2, 3):
        town.fail(peer, is_down=True)

    assert sorted(town.order) == [1, 2, 3]


def test_order__peer_that_moved__starts_afresh(town):
    town.fail(1, is_down=True)
    town.routes[0] = PeerRoute(1, "http://peer1-elsewhere", 0)

    assert town.order[-1] != 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["call", "fail", "down", "wait"]), st.integers(1, 4), st.floats(0, 9)
        ),
        max_size=60,
    )
)
def test_order__whatever_happened__is_all_peers_and_open_ones_last(steps):
    town = Town(4)
    for what, peer, seconds in steps:
        if what == "call":
            town.call(peer, seconds)
        elif what == "wait":
            town.now += seconds
        else:
            town.fail(peer, is_down=what == "down")
    order = town.order

    assert sorted(order) == [1, 2, 3, 4]
    is_open = [town.breaker(peer) is Breaker.OPEN for peer in order]
    assert is_open == sorted(is_open)
    assert all(state.under_way == 0 for state in town.choice.known())


class Watched(Town):
    """A town with a prober."""

    def __init__(self, seconds=10.0):
        super().__init__()
        self.peers = FakePeers()
        self.prober = Prober(self.peers, self.choice, seconds, lambda: self.now)

    def probe(self):
        """Let the prober work once; return whom it asked."""
        self.peers.requests.clear()
        asyncio.run(self.prober.probe_due())
        return sorted(self.peers.asked)


def test_probe__failed_peer_that_is_back__is_healthy_again():
    town = Watched(seconds=0.0)
    town.fail(1, is_down=True)
    assert town.probe() == []
    assert town.prober.pause() == REST

    town.now += REST
    assert town.probe() == [1]
    assert town.breaker(1) is Breaker.OPEN
    assert town.prober.pause() == REST * 2

    town.now += REST * 2
    town.peers.answer(1, httpx.Response(200))
    assert town.probe() == [1]
    assert town.breaker(1) is Breaker.CLOSED
    assert town.probe() == []


@pytest.mark.parametrize("answer", [httpx.Response(503), PeerFailed("x"), Unreachable("x")])
def test_probe__peer_that_does_not_live__stays_open(answer):
    town = Watched(seconds=0.0)
    town.fail(1, is_down=True)
    town.now += REST
    town.peers.answer(1, answer)

    town.probe()

    assert town.breaker(1) is Breaker.OPEN


def test_probe__peers_without_calls__are_measured_while_their_deal_is_in_use():
    town = Watched(seconds=10.0)
    for peer in (1, 2, 3):
        town.peers.answer(peer, httpx.Response(200))
    assert town.order
    assert town.probe() == [1, 2, 3]
    town.now += 5
    town.call(2)
    assert town.order
    town.now += 6
    assert town.probe() == [1, 3]
    town.now += 120
    assert town.probe() == []


def test_run__breaker_opens__wakes_the_prober():
    async def watch():
        town = Watched(seconds=0.0)
        probed = asyncio.Event()
        town.peers.scripts[1] = lambda _: probed.set() or httpx.Response(200)
        loop = TaskLoop("probes", town.prober.probe_due, Pace(town.prober.pause))
        town.choice.on_open = loop.wake
        loop.start()
        await asyncio.sleep(0)
        town.fail(1, is_down=True)
        town.now += REST
        await asyncio.wait_for(probed.wait(), 5)
        await loop.close()

    asyncio.run(watch())
