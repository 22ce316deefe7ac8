"""In which order invokes of several initiators run, and what the slow ones leave to others."""

import asyncio

import pytest

from peer.choreography.turns import SLOW_SECONDS, SLOW_US, Turns
from tests.peer.runtime.pools import in_loop

pytestmark = pytest.mark.unit

QUICK = 300


class Desk:
    """Turns with so many places, and who got one, in order."""

    def __init__(self, places: int = 2) -> None:
        self.now = 0.0
        self.running: list[str] = []
        self.begun: list[str] = []
        self.turns = Turns(lambda: len(self.running) < places, lambda: self.now)
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, *initiators: str) -> None:
        """Let them ask, one after the other, and those run that may."""
        self.tasks += [asyncio.ensure_future(self._begin(name)) for name in initiators]
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _begin(self, name: str) -> None:
        await self.turns.begin(name)
        self.running.append(name)
        self.begun.append(name)

    async def end(self, name: str, took_us: int = QUICK) -> None:
        self.running.remove(name)
        self.turns.end(name, took_us)
        await self._settle()

    async def prove(self, name: str) -> None:
        """Let an initiator have had a quick invoke."""
        await self.ask(name)
        await self.end(name)
        self.begun.clear()


@in_loop
async def test_initiators__of_many_and_of_few__take_turns():
    desk = Desk(places=1)
    for name in ("many", "few"):
        await desk.prove(name)

    await desk.ask("first")
    await desk.ask("many", "many", "many", "few", "few")
    for name in ("first", "many", "few", "many", "few", "many"):
        assert desk.running == [name]
        await desk.end(name)


@in_loop
async def test_initiator__that_nobody_knows__has_one_at_a_time_until_it_was_quick():
    desk = Desk(places=3)

    await desk.ask("new", "new", "new")
    assert desk.running == ["new"]
    await desk.end("new")

    assert desk.running == ["new", "new"]


@in_loop
async def test_initiator__that_was_slow__leaves_the_other_places_for_a_minute():
    desk = Desk()
    await desk.prove("slow")
    await desk.ask("slow")
    await desk.end("slow", SLOW_US)

    await desk.ask("slow", "slow", "other")
    assert desk.running == ["slow", "other"]
    await desk.end("slow")
    assert desk.running == ["other", "slow"]
    await desk.end("slow")
    desk.now += SLOW_SECONDS
    await desk.ask("slow")
    await desk.end("slow")
    await desk.end("other")
    await desk.ask("slow", "slow")
    assert desk.running == ["slow", "slow"]


@in_loop
async def test_waiting__given_up__takes_no_place():
    desk = Desk(places=1)
    await desk.ask("first", "second", "third")
    desk.tasks[1].cancel()
    await asyncio.gather(*desk.tasks[1:2], return_exceptions=True)

    await desk.end("first")
    assert desk.running == ["third"]


@in_loop
async def test_turn__given_and_given_up_at_once__goes_to_the_next():
    desk = Desk(places=1)
    await desk.ask("first", "second", "third")
    desk.running.remove("first")
    desk.turns.end("first", QUICK)
    desk.tasks[1].cancel()
    await asyncio.gather(*desk.tasks[1:2], return_exceptions=True)
    await desk.ask()

    assert desk.running == ["third"]
