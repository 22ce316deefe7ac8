"""Answers of flows that are given again, and how many of them."""

import asyncio

import pytest

from peer.choreography.callers.flow_answers import FlowAnswer, FlowAnswers
from peer.receipts.epoch_files import ChainHead
from tests.peer.runtime.pools import in_loop
from wasmarket.kernel.errors import Conflict, NotFound

pytestmark = pytest.mark.unit


class Runs:
    """Flows that answer with ten bytes, each run once counted."""

    def __init__(self, answers: FlowAnswers) -> None:
        self.answers = answers
        self.count = 0

    async def _run(self) -> FlowAnswer:
        self.count += 1
        await asyncio.sleep(0)
        return FlowAnswer(str(self.count), bytes(10), 1, ChainHead(0, bytes(32)))

    async def send(self, key: str, body: bytes = b"[]") -> str:
        return (await self.answers.run_once((1, "flow", key), body, self._run)).particle


@in_loop
async def test_key__sent_again_and_at_once__gives_one_answer():
    runs = Runs(FlowAnswers())

    assert await asyncio.gather(*(runs.send("a") for _ in range(3))) == ["1"] * 3
    assert await runs.send("a") == "1"
    with pytest.raises(Conflict):
        await runs.send("a", b"[1]")


@pytest.mark.parametrize("limits", [{"most": 2}, {"most_bytes": 29}])
@in_loop
async def test_answers__over_the_limit__give_way_to_newer_ones(limits):
    runs = Runs(FlowAnswers(**limits))
    for key in "abc":
        await runs.send(key)

    assert [await runs.send(key) for key in "cba"] == ["3", "2", "4"]


@in_loop
async def test_flow__that_failed__fails_the_same_way_again():
    answers = FlowAnswers()

    async def fail() -> FlowAnswer:
        raise NotFound("no such thing")

    for _ in range(2):
        with pytest.raises(NotFound):
            await answers.run_once((1, "flow", "a"), b"", fail)
