"""Firings that come while the one before runs, while a peer is away, paused, or past in time."""

from collections.abc import Callable

import pytest

from peer.triggers.firings import FiringState
from peer.triggers.turns import MOST_QUEUED
from tests.peer.runtime.pools import eventually, in_loop
from tests.peer.triggers.town import DEAL, Town
from wasmarket.kernel.documents.triggers import Trigger

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]


@pytest.mark.parametrize(("overlap", "made"), [("skip", 1), ("queue", 3)])
@in_loop
async def test_overlap__while_the_one_before_runs__skipped_or_queued(tmp_path, overlap, made):
    trigger = Trigger("every", "app", "tick", seconds=2, run="each", overlap=overlap)
    town = Town(tmp_path, trigger)
    held: list[Callable[[], None]] = []
    town.deals[0].held = held
    await town.runners[0].take_turn()
    await town.pass_time(6)

    town.deals[0].held = None
    for answer in held:
        answer()
    await town.settle()

    assert len(town.deals[0].calls) == made


@pytest.mark.parametrize(("catch_up", "made"), [("none", 1), ("last", 2), ("all", 101)])
@in_loop
async def test_absence__of_years__is_passed_over_and_counted(tmp_path, catch_up, made):
    trigger = Trigger(
        "every", "app", "tick", seconds=1, run="each", catch_up=catch_up, overlap="queue"
    )
    town = Town(tmp_path, trigger)
    await town.runners[0].take_turn()
    town.time += 10**8

    await town.runners[0].take_turn()
    await town.settle()

    [record] = town.runners[0].list_records(DEAL)
    assert len(town.deals[0].calls) == made
    assert record.counts[FiringState.MISSED] == 10**8 - made
    assert record.passed == int(town.time)


@in_loop
async def test_queue__of_calls_that_do_not_end__is_bounded(tmp_path):
    trigger = Trigger(
        "every", "app", "tick", seconds=1, run="each", catch_up="all", overlap="queue"
    )
    town = Town(tmp_path, trigger)
    town.deals[0].held = []
    await town.runners[0].take_turn()
    [record] = town.runners[0].list_records(DEAL)
    for _ in range(3):
        town.time += 1_000
        await town.runners[0].take_turn()

    await eventually(lambda: record.recent[-1].state == FiringState.MISSED)
    assert record.running == MOST_QUEUED


@pytest.mark.parametrize(("catch_up", "made"), [("none", 1), ("last", 2), ("all", 6)])
@in_loop
async def test_catch_up__after_a_restart__as_the_trigger_says(tmp_path, catch_up, made):
    trigger = Trigger(
        "every", "app", "tick", seconds=2, run="each", catch_up=catch_up, overlap="queue"
    )
    town = Town(tmp_path, trigger)
    await town.runners[0].take_turn()
    await town.runners[0].close()
    town.time += 11.5

    town.runners[0] = town.start(0)
    await town.runners[0].take_turn()
    await town.settle()

    assert len(town.deals[0].calls) == made


@in_loop
async def test_pause__while_it_holds__nothing_fires_and_nothing_is_made_up_for(tmp_path):
    trigger = Trigger("every", "app", "tick", seconds=2, run="each", catch_up="all")
    town = Town(tmp_path, trigger)
    await town.runners[0].take_turn()
    town.deals[0].paused = {trigger.key}
    await town.pass_time(10)

    town.deals[0].paused = set()
    await town.pass_time(2)
    await town.settle()

    assert len(town.deals[0].calls) == 1


@in_loop
async def test_travel_in_time__of_the_chain__fires_all_that_it_passes(tmp_path):
    trigger = Trigger("every", "app", "tick", seconds=10, run="each")
    town = Town(tmp_path, trigger)
    chain = town.time
    town.runners[0]._now = lambda: int(chain)
    await town.runners[0].take_turn()

    chain += 60
    await town.runners[0].take_turn()
    await town.settle()

    calls = [request.parameters["particle_id"] for request in town.deals[0].calls]
    assert len(calls) == len(set(calls)) == 6
