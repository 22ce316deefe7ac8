"""A peer whose node tells it of blocks: it acts at once, and looks itself when it does not."""

import pytest

from tests.peer.peer_runner import GREETING, publish, wait_until
from tests.peer.tcp_proxy import TcpProxy

pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy(world):
    between = TcpProxy(world.anvil.port)
    yield between
    between.close()


def test_match__looks_of_its_own_are_rare__is_served_as_the_node_tells(world, make_peer):
    peer = make_peer(poll_seconds=3_600)
    peer.start()

    deals = [world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal]
    peer.wait_for_state(deals[0], "serving")
    deals.append(world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal)
    peer.wait_for_state(deals[1], "serving")

    assert [peer.call(deal, "greeting", ["you"]).status_code for deal in deals] == [200, 200]


def test_match__node_was_away_meanwhile__is_found_once_it_is_back(world, make_peer, proxy):
    peer = make_peer(poll_seconds=0.1)
    peer.rpc_url = f"http://127.0.0.1:{proxy.port}"
    peer.start()

    proxy.cut()
    wait_until("the outage is noticed", lambda: not peer.get("/v1/health/ready").json()["ok"])
    deal = world.match(publish(peer.blocks, GREETING.read_bytes()), [peer.number]).deal
    proxy.mend()

    peer.wait_for_state(deal, "serving")
    assert peer.get("/v1/health/ready").json()["ok"]
