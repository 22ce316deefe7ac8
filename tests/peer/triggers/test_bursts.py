"""Many firings in one second: all are made, one call does not wait for a thousand to begin."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import pytest

from peer.triggers.deal_triggers import AT_ONCE
from peer.triggers.firings import FiringState
from tests.peer.runtime.pools import in_loop
from tests.peer.triggers.town import DEAL, Town
from wasmarket.kernel.documents.triggers import Trigger

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]
MANY = 1_000


def build_crowd() -> list[Trigger]:
    return [
        Trigger("every", "app", f"tick{n}", seconds=1, run="each", overlap="queue")
        for n in range(MANY)
    ]


def count_states(town: Town, state: FiringState) -> int:
    return sum(record.counts[state] for record in town.runners[0].list_records(DEAL))


@in_loop
async def test_thousand_triggers__of_one_second__none_is_missed(tmp_path):
    town = Town(tmp_path, *build_crowd())
    await town.runners[0].take_turn()

    await town.pass_time(3)
    await town.settle()

    assert len(town.deals[0].calls) == 3 * MANY
    assert town.runners[0].pause() <= 1.0


@in_loop
async def test_thousand_triggers__in_one_second__the_first_calls_go_while_others_begin(tmp_path):
    town = Town(tmp_path, *build_crowd())
    await town.runners[0].take_turn()
    seen = []

    async def look() -> None:
        while len(town.deals[0].calls) < MANY:
            seen.append(len(town.deals[0].calls))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    town.time += 1
    await town.runners[0].take_turn()
    await looking

    assert max(b - a for a, b in pairwise(seen)) < MANY // 10


@in_loop
async def test_thousand_triggers__calls_that_do_not_end__leave_room_for_callers(tmp_path):
    town = Town(tmp_path, *build_crowd())
    await town.runners[0].take_turn()
    held: list[Callable[[], None]] = []
    town.deals[0].held = held

    town.time += 1
    await town.runners[0].take_turn()
    begun = len(town.deals[0].calls)
    held.pop()()
    after_one_ended = len(town.deals[0].calls)

    assert (begun, after_one_ended) == (AT_ONCE, AT_ONCE + 1)


@in_loop
async def test_thousand_triggers__of_a_deal_that_is_not_served__each_fails_by_itself(tmp_path):
    town = Town(tmp_path, *build_crowd())
    await town.runners[0].take_turn()
    held: list[Callable[[], None]] = []
    town.deals[0].held = held
    town.time += 1
    await town.runners[0].take_turn()

    # What waits for its place finds nobody: the first to end brings all of that about.
    town.deals[0].is_dead = True
    held.pop()()

    assert count_states(town, FiringState.FAILED) == MANY - AT_ONCE
    assert count_states(town, FiringState.ANSWERED) == 1


@in_loop
async def test_lateness__of_a_firing__ends_when_a_worker_has_the_call(tmp_path):
    town = Town(tmp_path, Trigger("every", "app", "tick", seconds=1, run="each"))
    await town.runners[0].take_turn()
    held: list[Callable[[], None]] = []
    town.deals[0].held = held
    town.time += 0.75
    await town.runners[0].take_turn()

    # A worker had it 200 seconds after its second, and answered 100 seconds later.
    town.deals[0].given_at = time.monotonic() - 100
    town.time += 299.75
    held.pop()()

    [record] = town.runners[0].list_records(DEAL)
    assert record.recent[0].state == FiringState.ANSWERED
    assert 190_000 < record.recent[0].late_ms <= 200_000


@in_loop
async def test_lateness__of_a_call_that_is_made_again__is_that_of_its_first_try(tmp_path):
    town = Town(tmp_path, Trigger("every", "app", "tick", seconds=1, run="each", retries=1))
    town.deals[0].faults, town.deals[0].given_at = 1, time.monotonic()
    await town.runners[0].take_turn()
    town.time += 0.75
    await town.runners[0].take_turn()

    town.time += 500
    await town.settle()

    [record] = town.runners[0].list_records(DEAL)
    assert record.recent[0].state == FiringState.ANSWERED
    assert record.recent[0].late_ms <= 250


@in_loop
async def test_queue__behind_a_call_of_the_version_before__waits_for_its_end(tmp_path):
    trigger = Trigger("every", "app", "tick", seconds=1, run="each", overlap="queue")
    town = Town(tmp_path, trigger)
    await town.runners[0].take_turn()
    held: list[Callable[[], None]] = []
    town.deals[0].held = held
    town.time += 1
    await town.runners[0].take_turn()

    town.deals[0].version = SimpleNamespace(app="0x02", manifest=town.deals[0].version.manifest)
    town.time += 1
    await town.runners[0].take_turn()
    before = len(town.deals[0].calls)
    held.pop()()

    assert (before, len(town.deals[0].calls)) == (1, 2)


@in_loop
async def test_close__while_a_firing_waits_for_its_next_try__ends_it(tmp_path):
    trigger = Trigger("every", "app", "tick", seconds=1, run="each", retries=5)
    town = Town(tmp_path, trigger)
    town.deals[0].faults = 9
    await town.runners[0].take_turn()
    firing = asyncio.create_task(town.runners[0].fire(DEAL, trigger.key, None))
    await town._rest()

    await town.runners[0].close()

    made = await firing
    assert (made.state, made.detail) == (FiringState.FAILED, "the peer has ended")
