"""Triggers of a deal as peers run them: one firing, one call, whoever dies."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from peer.api.triggers import create_trigger_router
from peer.triggers.chain_events import ContractEvent, EventFiring
from peer.triggers.firings import FiringState, TriggerFile
from peer.triggers.runner import MOST_QUEUED, TriggerRunner
from tests.peer.runtime.pools import eventually, in_loop
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import NotFound, Unreachable

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]
ENDPOINTS = tuple(f"http://peer{index}" for index in range(3))
DEAL = 7


class Deal:
    """A deal on one peer whose calls are answered at once, unless it is told otherwise."""

    def __init__(self, endpoint: str, *triggers: Trigger, app: str = "0x01") -> None:
        self.deal = SimpleNamespace(
            id=DEAL, developer="0xde", endpoints=[peer for peer in ENDPOINTS if peer != endpoint]
        )
        self.version: Any = SimpleNamespace(app=app, manifest=SimpleNamespace(triggers=triggers))
        self.paused: set[str] = set()
        self.pauses: Any = SimpleNamespace(
            has=lambda key: key in self.paused, version=0, signed=None
        )
        self.calls: list[Any] = []
        self.is_dead = False
        self.faults = 0
        self.held: list[Callable[[], None]] | None = None

    def pick(self) -> Any:
        if self.is_dead:
            raise Unreachable("nothing serves here")
        return SimpleNamespace(assignment=3)

    def submit(self, run: Any, request: Any, deliver: Any) -> None:
        self.calls.append(request)
        sequence = len(self.calls)
        fault = None
        if self.faults:
            self.faults -= 1
            fault = SimpleNamespace(detail="it trapped")

        def answer() -> None:
            deliver(
                SimpleNamespace(
                    chain=SimpleNamespace(assignment=3),
                    head=SimpleNamespace(sequence=sequence),
                    fault=fault,
                )
            )

        if self.held is None:
            answer()
        else:
            self.held.append(answer)


class Town:
    """Peers of one deal, which reach one another, and one clock for all."""

    def __init__(self, folder: Path, *triggers: Trigger, peers: int = 1) -> None:
        self.time = 1_000_000.5
        self.folder = folder
        self.deals = [Deal(ENDPOINTS[index], *triggers) for index in range(peers)]
        self.dead: set[str] = set()
        self.sleepers: list[asyncio.Future[None]] = []
        self.flows: list[tuple[str, bytes, str]] = []
        self.apps: dict[str, FastAPI] = {}
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._carry))
        self.runners = [self.start(index) for index in range(peers)]

    def start(self, index: int) -> TriggerRunner:
        """Return a runner of one peer, as after a start of its process."""

        async def pause(seconds: float) -> None:
            sleeper = asyncio.get_running_loop().create_future()
            self.sleepers.append(sleeper)
            await sleeper

        runner = TriggerRunner(
            lambda: {DEAL: self.deals[index]},
            lambda deal: TriggerFile(self.folder / str(index)),
            self.client,
            endpoint=lambda: ENDPOINTS[index],
            now=lambda: int(self.time),
            peer=lambda: index + 1,
            clock=lambda: self.time,
            sleep=pause,
            run_flow=self._run_flow,
        )
        app = FastAPI()
        host: Any = SimpleNamespace(find=lambda deal: self.deals[index])
        unsigned: Any = SimpleNamespace(check=lambda *_: None)
        app.include_router(create_trigger_router(host, runner, unsigned))
        self.apps[ENDPOINTS[index]] = app
        return runner

    async def _run_flow(self, deal: int, name: str, body: bytes, key: str) -> str:
        self.flows.append((name, body, key))
        return "3:9"

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        endpoint = f"http://{request.url.host}"
        if endpoint in self.dead or endpoint not in self.apps:
            raise httpx.ConnectError("nobody is there")
        transport = httpx.ASGITransport(self.apps[endpoint], raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=endpoint) as client:
            answer = await client.get(request.url.path)
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(answer.content))

    async def pass_time(self, seconds: float, *, step: float = 1.0) -> None:
        """Let all peers live through so many seconds."""
        for _ in range(round(seconds / step)):
            self.time += step
            for runner, deal in zip(self.runners, self.deals, strict=True):
                if ENDPOINTS[self.deals.index(deal)] not in self.dead:
                    await runner.take_turn()
            await self._rest()

    async def _rest(self) -> None:
        """Let everybody go on until all wait: for their turn, or for a call to end."""
        if any(deal.held is not None for deal in self.deals):
            await asyncio.sleep(0.02)
            return
        while sum(len(runner._tasks) for runner in self.runners) > len(self.sleepers):
            await asyncio.sleep(0.001)

    async def settle(self) -> None:
        """Let graces and rests pass, one after another, until nobody waits any more."""
        for deal in self.deals:
            deal.held = None
        await self._rest()
        while self.sleepers:
            woken, self.sleepers = self.sleepers, []
            for sleeper in woken:
                sleeper.set_result(None)
            await self._rest()

    def made(self) -> list[str]:
        """Return the ids of all calls, on whatever peer, in order."""
        return sorted(
            request.parameters["particle_id"] for deal in self.deals for request in deal.calls
        )


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
async def test_thousand_triggers__of_one_second__none_is_missed(tmp_path):
    triggers = [
        Trigger("every", "app", f"tick{n}", seconds=1, run="each", overlap="queue")
        for n in range(1000)
    ]
    town = Town(tmp_path, *triggers)
    await town.runners[0].take_turn()

    await town.pass_time(3)
    await town.settle()

    assert len(town.deals[0].calls) == 3_000
    assert town.runners[0].pause() <= 1.0


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
