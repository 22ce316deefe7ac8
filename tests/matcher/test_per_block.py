"""What is counted for a block: anew while it is cheap, apart once it is dear."""

import pytest

from matcher.api.per_block import CHEAP, RARELY, PerBlock

pytestmark = pytest.mark.unit


class Counting:
    """Counts how often it is asked to; a count takes `cost` seconds of an imagined processor."""

    def __init__(self, town, cost):
        self.town, self.cost = town, cost
        self.counts, self.now, self.used = 0, 0.0, 0.0
        self.begun = []
        self.value = PerBlock(
            town.database,
            self.count,
            clock=lambda: self.now,
            spent=lambda: self.used,
            start=self.begun.append,
        )

    def count(self, session, at):
        self.counts += 1
        self.used += self.cost
        return self.counts

    def ask_after_a_block(self):
        self.town.chain.mine()
        self.town.index()
        with self.town.database.read() as session:
            found, at = self.value.get(session)
        return found, self.town.chain.head.number - at.block


def test_cheap_count__each_block__is_as_of_the_newest(town):
    counting = Counting(town, CHEAP / 2)

    assert [counting.ask_after_a_block() for _ in range(3)] == [(1, 0), (2, 0), (3, 0)]


def test_dear_count__new_block__gives_the_old_value_with_its_block_and_counts_apart_once(town):
    counting = Counting(town, 2 * CHEAP)
    for _ in range(2):
        counting.ask_after_a_block()
    counting.now += RARELY * counting.cost

    assert [counting.ask_after_a_block() for _ in range(2)] == [(2, 1), (2, 2)]
    [count_apart] = counting.begun
    count_apart()
    assert counting.ask_after_a_block() == (3, 1)


def test_dear_count__before_its_time__nothing_is_counted(town):
    counting = Counting(town, 2 * CHEAP)
    for _ in range(4):
        counting.ask_after_a_block()

    assert (counting.counts, counting.begun) == (2, [])
