"""When triggers fire, which are made up for, and whose turn it is."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from peer.triggers.schedule import (
    choose_missed,
    find_jitter,
    find_next,
    list_between,
    rank_peers,
)
from wasmarket.kernel.documents.triggers import Trigger

pytestmark = pytest.mark.unit
MINUTE = Trigger("every", "s", "f", seconds=60)
BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=BERLIN).timestamp())


def test_every__whatever_the_moment__fires_at_whole_multiples():
    shifted = Trigger("every", "s", "f", seconds=60, first_s=7)

    assert [find_next(MINUTE, after) for after in (0, 59.9, 60, 60.1)] == [60, 60, 120, 120]
    assert find_next(shifted, 60) == 67
    assert find_next(shifted, 67) == 127


def test_cron__in_a_zone__keeps_the_hour_of_the_day_over_the_year():
    daily = Trigger("cron", "s", "f", expression="30 2 * * *", zone="Europe/Berlin")

    assert find_next(daily, at(2027, 1, 10, 12)) == at(2027, 1, 11, 2, 30)
    assert find_next(daily, at(2027, 7, 10, 12)) == at(2027, 7, 11, 2, 30)
    # The hour that does not exist in spring, and the one that is there twice in autumn: once each.
    assert find_next(daily, at(2027, 3, 27, 12)) == at(2027, 3, 28, 3)
    autumn = list(list_between(daily, at(2027, 10, 30, 12), at(2027, 11, 1, 0)))
    assert len(autumn) == 1


def test_jitter__of_one_firing__the_same_for_all_and_within_bounds():
    cron = Trigger("cron", "s", "f", expression="* * * * *", jitter_s=30)

    found = {find_jitter(cron, firing) for firing in range(0, 6000, 60)}

    assert found <= set(range(31))
    assert len(found) > 5
    assert find_jitter(cron, 60) == find_jitter(cron, 60)


@pytest.mark.parametrize(
    ("catch_up", "made"), [("none", []), ("last", [180]), ("all", [60, 120, 180])]
)
def test_missed__made_up_for__as_the_trigger_says(catch_up, made):
    trigger = Trigger("every", "s", "f", seconds=60, catch_up=catch_up)

    assert choose_missed(trigger, [60, 120, 180]) == made


def test_ranks__of_all_peers__are_one_order_that_changes_with_the_firing():
    peers = [f"http://peer{index}" for index in range(3)]

    def order(firing: int) -> list[int]:
        before = [
            len(rank_peers(MINUTE, firing, own, [peer for peer in peers if peer != own]))
            for own in peers
        ]
        assert sorted(before) == [0, 1, 2]
        return before

    assert len({tuple(order(firing)) for firing in range(0, 6000, 60)}) > 3


def test_ranks__a_slash_at_the_end__makes_no_difference():
    assert rank_peers(MINUTE, 60, "http://a/", ["http://b"]) == rank_peers(
        MINUTE, 60, "http://a", ["http://b"]
    )


def test_time__utc_by_default():
    daily = Trigger("cron", "s", "f", expression="0 0 * * *")

    assert datetime.fromtimestamp(find_next(daily, 1), UTC).hour == 0
