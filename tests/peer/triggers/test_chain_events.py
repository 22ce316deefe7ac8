"""Events that triggers wait for: confirmed, filtered, each once, on from where reading stopped."""

import pytest

from peer.triggers.chain_events import EventWatch
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.events.market import DealBalance
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit
ADA, BOB = to_address(b"\x01" * 20), to_address(b"\x02" * 20)
ABI = "DealBalance(uint256 indexed deal, address indexed who, uint256 balance)"


class Reading:
    """One trigger's events on a chain of its own, read as a peer reads them."""

    def __init__(self, *, confirmations=0, event=ABI, filters=b"{}"):
        self.chain = FakeChain(fake_deployment())
        self.trigger = Trigger(
            "chain-event",
            "app",
            "seen",
            contract=self.chain.deployment.market,
            event=event,
            filters=filters,
            confirmations=confirmations,
        )
        self.passed = 0
        self.restart()

    def restart(self):
        self.watch = EventWatch(self.chain, self.chain.deployment, self.trigger, check_headers=True)

    def read(self):
        found, self.passed = self.watch.read(self.passed)
        return found

    def balances(self):
        return [firing.event.values["balance"] for firing in self.read()]


def test_events__of_blocks_to_come__are_decoded_and_those_before_are_not():
    reading = Reading()
    reading.chain.mine(DealBalance(1, ADA, 1))
    assert reading.read() == []

    block = reading.chain.mine(DealBalance(7, ADA, 10**30), DealBalance(8, BOB, 5))

    first, second = reading.read()
    assert first.event.values == {"deal": "7", "who": ADA, "balance": str(10**30)}
    assert (first.id, second.id) == (block.number * 10**6, block.number * 10**6 + 1)
    assert reading.read() == []


@pytest.mark.parametrize(
    ("filters", "balances"),
    [
        (b'{"deal":["7"]}', ["1", "3"]),
        (f'{{"deal":["7"],"who":["{BOB}"]}}'.encode(), ["3"]),
        (b'{"balance":["2","3"]}', ["2", "3"]),
        (b'{"deal":["9"]}', []),
    ],
)
def test_filters__by_argument__leave_out_all_others(filters, balances):
    reading = Reading(filters=filters)
    reading.read()

    reading.chain.mine(DealBalance(7, ADA, 1), DealBalance(8, ADA, 2), DealBalance(7, BOB, 3))

    assert reading.balances() == balances


def test_reorg__before_the_confirmations__undone_events_never_fire_and_new_ones_do():
    reading = Reading(confirmations=3)
    reading.chain.mine_many(5)
    reading.read()
    reading.chain.mine(DealBalance(7, ADA, 1))
    reading.chain.mine(DealBalance(7, ADA, 2))
    assert reading.balances() == []

    reading.chain.reorg(2, [], [DealBalance(7, ADA, 3)])
    assert reading.balances() == []
    reading.chain.mine_many(3)

    assert reading.balances() == ["3"]


def test_reorg__deeper_than_the_confirmations__what_replaces_the_blocks_fires_too():
    reading = Reading()
    reading.chain.mine_many(3)
    reading.read()
    reading.chain.mine(DealBalance(7, ADA, 1))
    assert reading.balances() == ["1"]

    reading.chain.reorg(1, [DealBalance(7, ADA, 2)], [])

    assert reading.balances() == ["2"]


def test_restart__after_an_absence__resumes_where_it_stopped():
    reading = Reading(confirmations=1)
    reading.chain.mine_many(2)
    reading.read()
    for balance in range(3):
        reading.chain.mine(DealBalance(7, ADA, balance))
    assert reading.balances() == ["0", "1"]
    reading.chain.mine_many(200)

    reading.restart()

    assert reading.balances() == ["2"]
    assert reading.balances() == []


def test_restart__in_the_middle_of_a_block__only_the_rest_of_it_fires():
    reading = Reading()
    reading.read()
    block = reading.chain.mine(DealBalance(7, ADA, 1), DealBalance(7, ADA, 2))

    reading.restart()
    reading.passed = block.number * 10**6

    assert reading.balances() == ["2"]


def test_many_events__one_turn_reads_some_and_the_next_the_rest():
    reading = Reading()
    reading.read()
    for _ in range(4):
        reading.chain.mine(*(DealBalance(7, ADA, n) for n in range(60)))

    counts = [len(reading.read()) for _ in range(3)]

    assert counts == [120, 120, 0]


def test_abi__with_other_arguments_indexed__the_firing_says_so_instead_of_guessing():
    reading = Reading(event="DealBalance(uint256 deal, address indexed who, uint256 balance)")
    reading.read()
    reading.chain.mine(DealBalance(7, ADA, 1))

    [firing] = reading.read()

    assert firing.event.values == {}
    assert "has 2 indexed arguments, the ABI says 1" in firing.event.problem


def test_node__that_is_behind_what_was_read__is_named_and_nothing_is_lost():
    reading = Reading()
    reading.chain.mine_many(3)
    reading.read()
    reading.chain.rollback(2)
    reading.restart()

    with pytest.raises(Unreachable, match="does not know block"):
        reading.read()
    reading.chain.mine_many(2)
    reading.chain.mine(DealBalance(7, ADA, 1))

    assert reading.balances() == ["1"]
