"""A keeper asks for the chain's time when it may matter, and else trusts its last reading."""

import pytest

from keeper.clock import KeeperClock, Now
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

START = 500_000 * 3_600


class Chain:
    """A chain and a watch that go as told."""

    def __init__(self, epoch_seconds=3_600):
        self.timestamp, self.watch, self.asked = START, 1_000.0, 0
        self.clock = KeeperClock(
            self.read, fake_deployment(epoch_seconds=epoch_seconds), lambda: self.watch
        )

    def read(self):
        self.asked += 1
        return self.timestamp

    def pass_seconds(self, seconds):
        self.timestamp += seconds
        self.watch += seconds


def test_look__within_a_minute__asks_once():
    chain = Chain()
    for _ in range(4):
        chain.clock.look()
        chain.pass_seconds(15)
    assert chain.asked == 1

    assert chain.clock.look() == Now(START + 60, 500_000)
    assert chain.asked == 2


def test_look__when_the_epoch_must_be_over__asks_until_the_chain_says_so():
    chain = Chain()
    chain.pass_seconds(3_590)
    chain.clock.look()
    chain.watch += 10
    assert chain.clock.look().epoch == 500_000, "a block that is late"

    chain.watch += 10
    chain.timestamp += 11

    assert chain.clock.look() == Now(START + 3_601, 500_001)


def test_look__epochs_that_are_short__asks_as_often_as_they_need():
    chain = Chain(epoch_seconds=60)
    chain.clock.look()
    chain.pass_seconds(1)

    chain.clock.look()

    assert chain.asked == 2


def test_look__chain_that_hurries__is_found_out_at_the_next_reading():
    chain = Chain()
    chain.clock.look()
    chain.timestamp += 7_200
    assert chain.clock.look().epoch == 500_000

    chain.watch += 60

    assert chain.clock.look().epoch == 500_002


def test_look__watch_that_went_back__asks():
    chain = Chain()
    chain.clock.look()
    chain.watch -= 1

    chain.clock.look()

    assert chain.asked == 2


def test_refresh__always__asks():
    chain = Chain()
    chain.clock.look()

    chain.clock.refresh()

    assert chain.asked == 2
