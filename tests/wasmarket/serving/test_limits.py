"""Rates are per key, refill with time, and the memory of them is bounded."""

import pytest

from wasmarket.kernel.errors import LimitReached
from wasmarket.serving.callers.limits import REMEMBERED, RateLimit

pytestmark = pytest.mark.unit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def count(limit, key, tries):
    passed = 0
    for _ in range(tries):
        try:
            limit.check(key)
            passed += 1
        except LimitReached:
            continue
    return passed


def test_check__burst_then_steady_rate__per_key():
    clock = Clock()
    limit = RateLimit(60, clock, "requests")

    assert count(limit, "one", 100) == 60
    assert count(limit, "other", 10) == 10
    clock.now += 5
    assert count(limit, "one", 100) == 5


def test_check__zero__is_no_limit():
    assert count(RateLimit(0, Clock(), "requests"), "one", 1_000) == 1_000


def test_check__too_often__says_how_long_to_wait():
    clock = Clock()
    limit = RateLimit(6, clock, "requests")
    count(limit, "one", 6)
    clock.now += 3

    with pytest.raises(LimitReached) as caught:
        limit.check("one")

    assert caught.value.retry_after == 7
    clock.now += 7
    assert count(limit, "one", 2) == 1


def test_check__many_keys__forgets_the_oldest():
    limit = RateLimit(1, Clock(), "requests")
    count(limit, "first", 1)
    for number in range(REMEMBERED):
        limit.check(str(number))

    assert count(limit, "first", 1) == 1


def test_check__burst_of_its_own__is_what_a_rest_gives():
    clock = Clock()
    limit = RateLimit(2, clock, "requests", seconds=1.0, burst=5)

    assert count(limit, "one", 10) == 5
    clock.now += 1
    assert count(limit, "one", 10) == 2
    clock.now += 100
    assert count(limit, "one", 10) == 5
