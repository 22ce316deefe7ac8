"""The fakes: what tests of other parts build on."""

import pytest

from wasmarket.chain.contracts.bindings import Market, MarketLens
from wasmarket.chain.errors import RpcError, build_reverted
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import Reverted, Unreachable
from wasmarket.kernel.events import Activated, Skipped
from wasmarket.testing.fake_chain import FakeChain, fake_deployment
from wasmarket.testing.fake_sender import FakeSender, Sent

pytestmark = pytest.mark.unit


@pytest.fixture
def chain():
    return FakeChain(fake_deployment())


@pytest.fixture
def sender(chain):
    return FakeSender(chain, ZERO_ADDRESS)


@pytest.fixture
def activate(chain):
    def handler(sender, ids):
        return [Activated(id, 1, 2, 3, 4, 5) if id < 9 else Skipped(id, 20) for id in ids]

    chain.handle("Market", "activate", handler)
    return lambda *ids: Market(chain, chain.deployment).call("activate", ids)


def test_send__handled__mines_its_events(chain, sender, activate):
    receipt = sender.send(activate(7, 9))

    assert receipt.find(Skipped) == [Skipped(9, 20)]
    assert receipt.find(Activated) == [Activated(7, 1, 2, 3, 4, 5)]
    assert {log.tx_hash for log in receipt.logs} == {receipt.tx_hash}
    assert receipt.block_hash == chain.head.hash
    assert sender.sent == [Sent("Market", "activate", ((7, 9),), receipt.tx_hash)]


def test_send__refused__mines_nothing(chain, sender):
    def handler(sender, deal, amount):
        raise build_reverted("Market.top_up", "market: paused")

    chain.handle("Market", "top_up", handler)
    before = chain.head

    with pytest.raises(Reverted) as caught:
        sender.send(Market(chain, chain.deployment).call("top_up", 1, 2))

    assert caught.value.reason == "market: paused"
    assert chain.head == before
    assert sender.sent == []


def test_resume__crash_before_broadcast__mines_it_once(chain, sender, activate):
    recorded = []

    def crash(signed):
        recorded.append(signed)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sender.send(activate(7), crash)
    assert sender.sent == []
    [signed] = recorded

    first = sender.resume(signed.hash, signed.raw)

    assert first.find(Activated)
    assert sender.resume(signed.hash, signed.raw) == first
    assert len(sender.sent) == 1


def test_send__not_handled__says_so(chain, sender):
    with pytest.raises(RpcError, match="no answer"):
        sender.send(Market(chain, chain.deployment).call("stop", 1))


def test_call__old_block_that_was_replaced__is_unknown(chain):
    chain.answer("MarketLens", "evictable", lambda ids: [True] * len(ids))
    lens = MarketLens(chain, chain.deployment)
    number = chain.mine().number
    assert lens.evictable([1, 2], block=number) == [True, True]

    chain.rollback(1)

    with pytest.raises(RpcError):
        lens.evictable([1], block=number)


def test_offline__everything__is_unreachable(chain, sender, activate):
    chain.offline = True

    for ask in (chain.fetch_head, chain.fetch_chain_id, lambda: sender.send(activate(1))):
        with pytest.raises(Unreachable):
            ask()
