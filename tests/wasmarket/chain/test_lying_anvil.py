"""Anvil behind a proxy that changes its answers: what a node says is checked, not believed."""

import pytest

from tests.wasmarket.chain.following import COMMITTED, DEPOSIT, STAKE, UNITS, Store
from tests.wasmarket.chain.proxy import proxy_to
from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import ContradictoryAnswer
from wasmarket.chain.reading import transport
from wasmarket.chain.reading.follower import Follower
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.kernel.errors import MarketError, TooLarge, WrongChain

pytestmark = pytest.mark.anvil


@pytest.fixture
def proxy(anvil_world):
    with proxy_to(anvil_world.reader.url) as proxy:
        yield proxy


@pytest.fixture
def rpc(proxy):
    with Rpc(proxy.url, pause=0.001) as rpc:
        yield rpc


@pytest.fixture
def follower(anvil_world, rpc):
    return Follower(rpc, anvil_world.deployment, Decoder(anvil_world.deployment), depth=5)


def once(method, edit, times=1):
    """Return a change of the next answers to one method that `edit` says it has changed."""
    left = [times]

    def change(request, answer):
        if left[0] and request["method"] == method and edit(answer):
            left[0] -= 1

    return change


def empty(answer):
    had = bool(answer.get("result"))
    answer["result"] = []
    return had


def earlier(answer):
    header = answer["result"]
    header["timestamp"] = hex(int(header["timestamp"], 16) - 600)
    return True


def another_bloom(answer):
    answer["result"]["logsBloom"] = "0x" + "00" * 256
    return True


def try_sync(store, follower):
    try:
        store.sync(follower)
    except MarketError as error:
        return error
    return None


@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize("times", [1, 2])
def test_poll__empty_answer_about_logs__leaves_no_gap(anvil_world, proxy, follower, far, times):
    anvil_world.mine(DEPOSIT, UNITS)
    anvil_world.mine(STAKE)
    if far:
        anvil_world.mine_many(20)
    proxy.change = once("eth_getLogs", empty, times)
    store = Store()

    for _ in range(3):
        try_sync(store, follower)

    assert store.events == [DEPOSIT, UNITS, STAKE]
    assert store.tip == anvil_world.reader.fetch_head()


@pytest.mark.parametrize("edit", [earlier, another_bloom])
def test_poll__header_that_its_hash_contradicts__is_refused_by_name(
    anvil_world, proxy, follower, edit
):
    anvil_world.mine(COMMITTED)
    store = Store()
    proxy.change = once(
        "eth_getBlockByNumber", lambda a: "0x" in a["result"]["hash"] and edit(a), 9
    )

    error = try_sync(store, follower)
    assert isinstance(error, ContradictoryAnswer)
    assert "hash" in error.detail
    proxy.change = None
    store.sync(follower)

    assert store.events == [COMMITTED]
    assert store.tip.timestamp == anvil_world.reader.fetch_head().timestamp


def test_poll__node_of_another_chain__is_refused_before_anything_is_read(
    anvil_world, proxy, follower
):
    anvil_world.mine(DEPOSIT)
    proxy.change = once("eth_chainId", lambda answer: answer.update(result="0x3e7") or True)
    store = Store()

    assert isinstance(try_sync(store, follower), WrongChain)
    assert store.blocks == []


def test_fetch_range__answer_without_end__is_cut_off_and_halved(anvil_world, rpc, monkeypatch):
    anvil_world.mine(*[UNITS] * 20)
    anvil_world.mine(*[UNITS] * 20)
    head = anvil_world.reader.fetch_head().number
    addresses = Decoder(anvil_world.deployment).addresses
    size = len(str(rpc.request("eth_getLogs", [{"fromBlock": hex(head), "toBlock": hex(head)}])))
    monkeypatch.setattr(transport, "LARGEST_ANSWER", size + 4_000)
    with pytest.raises(TooLarge, match="MiB"):
        rpc.fetch_range(addresses, head - 1, head)
    store = Store()

    store.sync(Follower(rpc, anvil_world.deployment, Decoder(anvil_world.deployment), depth=0))

    assert store.events == [UNITS] * 40
