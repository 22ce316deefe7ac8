"""Calls at a start, an update and a stop, by hand, and of flows."""

from types import SimpleNamespace

import pytest

from peer.triggers.firings import FiringState
from tests.peer.runtime.pools import in_loop
from tests.peer.triggers.town import DEAL, Town
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import NotFound

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]


@in_loop
async def test_start_and_update__once_for_each_peer__at_those_moments(tmp_path):
    start, update = (
        Trigger("start", "app", "begin", run="each"),
        Trigger("update", "app", "move", run="each"),
    )
    town = Town(tmp_path, start, update)
    runner, deal = town.runners[0], town.deals[0]
    await runner.take_turn()
    await town.settle()
    first = [request.function for request in deal.calls]

    town.time += 10
    await runner.take_turn()
    town.runners[0] = town.start(0)
    await town.runners[0].take_turn()
    await town.settle()
    after_a_restart = [request.function for request in deal.calls]
    deal.version = SimpleNamespace(app="0x02", manifest=deal.version.manifest)
    await town.runners[0].take_turn()
    await town.settle()

    assert first == after_a_restart == ["begin"]
    assert [request.function for request in deal.calls] == ["begin", "move"]


@in_loop
async def test_deal__that_is_not_served_yet__fires_nothing_and_catches_up_nothing(tmp_path):
    town = Town(tmp_path, Trigger("start", "app", "begin", run="each"))
    town.deals[0].is_dead = True
    await town.pass_time(3)
    town.deals[0].is_dead = False

    await town.pass_time(1)
    await town.settle()

    assert [request.function for request in town.deals[0].calls] == ["begin"]


@in_loop
async def test_clock__of_a_deal_that_begins__fires_what_is_due_from_then_on(tmp_path):
    trigger = Trigger("every", "app", "tick", seconds=2, run="each", catch_up="all")
    town = Town(tmp_path, trigger)
    town.time = 1_000_002.25
    await town.runners[0].take_turn()

    await town.pass_time(2)
    await town.settle()

    # What fell due a moment before it served is nobody's, and was not missed.
    assert town.made() == [f"{trigger.key}:1000004"]
    [record] = town.runners[0].list_records(DEAL)
    assert record.counts[FiringState.MISSED] == 0


@in_loop
async def test_fire__by_hand__is_one_call_more_with_an_id_of_its_own_paused_or_not(tmp_path):
    trigger = Trigger("cron", "app", "tick", b'["x"]', expression="0 0 1 1 *")
    town = Town(tmp_path, trigger)
    await town.runners[0].take_turn()
    town.deals[0].paused = {trigger.key}

    made = await town.runners[0].fire(DEAL, trigger.key, None)

    assert (made.state, made.receipt) == (FiringState.ANSWERED, "3:1")
    assert town.deals[0].calls[0].body == b'["x"]'
    assert made.id > 10**15
    with pytest.raises(NotFound, match="has no trigger nothing"):
        await town.runners[0].fire(DEAL, "nothing", None)


@in_loop
async def test_stop__when_the_deal_is_over__is_called_on_its_last_run_and_all_begins_anew(tmp_path):
    stop = Trigger("stop", "app", "leave", run="each")
    start = Trigger("start", "app", "begin", run="each")
    town = Town(tmp_path, stop, start)
    runner, deal = town.runners[0], town.deals[0]
    await runner.take_turn()
    await town.settle()
    deal.is_dead = True

    await runner.make_last_calls(deal, SimpleNamespace(assignment=8))
    deal.is_dead = False
    await runner.take_turn()
    await town.settle()

    assert [request.function for request in deal.calls] == ["begin", "leave", "begin"]
    assert deal.calls[1].parameters["worker_id"] == "8"


@in_loop
async def test_flow__of_a_trigger__is_started_with_its_arguments_and_the_firings_id(tmp_path):
    trigger = Trigger("every", arguments=b'["x"]', seconds=2, run="each", flow="report")
    town = Town(tmp_path, trigger)
    await town.runners[0].take_turn()

    await town.pass_time(2)
    await town.settle()

    assert town.flows == [("report", b'["x"]', f"{trigger.key}:1000002")]
    (record,) = town.runners[0].list_records(DEAL)
    assert record.recent[0].receipt == "3:9"
