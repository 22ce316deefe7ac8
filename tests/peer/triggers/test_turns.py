"""A firing that one peer of a deal is to make: one call, whoever dies, and again where it fails."""

import pytest

from peer.triggers.firings import FiringState
from tests.peer.runtime.pools import in_loop
from tests.peer.triggers.town import DEAL, ENDPOINTS, Town
from wasmarket.kernel.documents.triggers import Trigger

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]
EVERY = Trigger("every", "app", "tick", seconds=2, grace_s=1)


@in_loop
async def test_every__as_time_passes__each_firing_is_one_call(tmp_path):
    town = Town(tmp_path, Trigger("every", "app", "tick", b'["x"]', seconds=2, run="each"))
    await town.runners[0].take_turn()

    await town.pass_time(10)
    await town.settle()

    calls = town.deals[0].calls
    assert [request.parameters["particle_id"].partition(":")[2] for request in calls] == [
        str(1_000_002 + 2 * n) for n in range(5)
    ]
    assert {(c.service, c.function, c.body) for c in calls} == {("app", "tick", b'["x"]')}
    (record,) = town.runners[0].list_records(DEAL)
    assert record.counts[FiringState.ANSWERED] == 5
    assert record.recent[0].receipt == "3:1"


@in_loop
async def test_one_of_three_peers__as_time_passes__each_firing_once_and_shared_out(tmp_path):
    town = Town(tmp_path, EVERY, peers=3)
    for runner in town.runners:
        await runner.take_turn()

    for _ in range(20):
        await town.pass_time(2)
        await town.settle()

    assert len(town.made()) == len(set(town.made())) == 20
    assert all(deal.calls for deal in town.deals)


@in_loop
async def test_one_of_three_peers__one_dies_at_each_firing__no_firing_is_lost(tmp_path):
    town = Town(tmp_path, EVERY, peers=3)
    for runner in town.runners:
        await runner.take_turn()

    for index in range(9):
        town.dead = {ENDPOINTS[index % 3]}
        await town.pass_time(2)
        await town.settle()

    # One that wakes again makes up for nothing: the others have seen to it.
    assert len(set(town.made())) == 9
    assert len(town.made()) == 9


@in_loop
async def test_retries__a_call_that_traps__is_made_again_with_the_same_id(tmp_path):
    town = Town(tmp_path, Trigger("every", "app", "tick", seconds=2, run="each", retries=2))
    town.deals[0].faults = 2
    await town.runners[0].take_turn()

    await town.pass_time(2)
    await town.settle()

    assert len(town.deals[0].calls) == 3
    assert len(set(town.made())) == 1
    (record,) = town.runners[0].list_records(DEAL)
    assert record.counts[FiringState.ANSWERED] == 1


@in_loop
async def test_retries__used_up__the_firing_has_failed_and_says_why(tmp_path):
    town = Town(tmp_path, Trigger("every", "app", "tick", seconds=2, run="each", retries=1))
    town.deals[0].faults = 9
    await town.runners[0].take_turn()

    await town.pass_time(2)
    await town.settle()

    (record,) = town.runners[0].list_records(DEAL)
    assert (record.recent[0].state, record.recent[0].detail) == (FiringState.FAILED, "it trapped")
