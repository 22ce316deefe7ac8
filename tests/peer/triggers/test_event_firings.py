"""Firings of events that peers see at other times."""

import pytest

from peer.triggers.chain_events import ContractEvent, EventFiring
from peer.triggers.firings import FiringState
from peer.triggers.turns import MOST_QUEUED
from tests.peer.runtime.pools import in_loop
from tests.peer.triggers.town import DEAL, Town
from wasmarket.kernel.documents.triggers import Trigger

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]
EVENT = Trigger("chain-event", "app", "seen", b'["x"]', grace_s=1, overlap="queue")


def event(number, problem=""):
    return EventFiring(number, ContractEvent({} if problem else {"deal": "7"}, problem))


@in_loop
async def test_event__seen_by_three_peers_at_other_times__is_one_call_with_the_event(tmp_path):
    town = Town(tmp_path, EVENT, peers=3)
    for runner in town.runners:
        await runner.take_turn()

    for number in range(1, 7):
        for runner in town.runners:
            [(_, record)] = runner.list_watched()
            await runner.take_events(DEAL, record, [event(number)], number)
            # The next peer reads the chain only when this one is through.
            await town.settle()

    assert len(town.made()) == len(set(town.made())) == 6
    bodies = {call.body for deal in town.deals for call in deal.calls}
    assert bodies == {b'["x", {"deal": "7"}]'}


@in_loop
async def test_event__that_does_not_fit_its_abi__has_failed_and_says_why(tmp_path):
    town = Town(tmp_path, EVENT)
    await town.runners[0].take_turn()
    [(_, record)] = town.runners[0].list_watched()

    await town.runners[0].take_events(DEAL, record, [event(5, "the ABI says otherwise")], 5)

    assert (record.recent[0].state, record.recent[0].detail) == (
        FiringState.FAILED,
        "the ABI says otherwise",
    )
    assert town.deals[0].calls == []


@in_loop
async def test_events__of_a_paused_trigger_or_of_a_full_queue__are_not_read(tmp_path):
    town = Town(tmp_path, EVENT)
    await town.runners[0].take_turn()
    [(_, record)] = town.runners[0].list_watched()
    town.deals[0].paused = {EVENT.key}
    assert list(town.runners[0].list_watched()) == []
    town.deals[0].paused = set()

    town.deals[0].held = []
    for number in range(MOST_QUEUED // 2):
        await town.runners[0].take_events(DEAL, record, [event(number + 1)], number + 1)

    assert list(town.runners[0].list_watched()) == []
    await town.runners[0].close()
