"""A second peer is asked when the first takes unusually long, and only if it may run twice."""

import asyncio

import pytest

from gateway.upstream.forward import FEWEST_SAMPLES, Usual
from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, refusal, result, route
from wasmarket.serving.peer_wire.connection import PeerFailed

pytestmark = pytest.mark.unit

PATH = f"/v1/deals/{DEAL}/s/f"
TWICE = {"Idempotency-Key": "k"}


class Hedged(ScriptedGateway):
    """A gateway that hedges, whose peer 1 hangs once its deal's usual time is known."""

    def __init__(self, **settings):
        super().__init__(FakeDirectory(route(1, 2)), **({"hedge_percentile": 90.0} | settings))
        self.given_up = False
        for peer in (1, 2):
            self.peers.answer(peer, result(peer, peer))
        self.send_all(*[("POST", PATH, {"json": []})] * (FEWEST_SAMPLES * 2))
        self.peers.requests.clear()

    def hang(self, *peers):
        async def script(_):
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up = True

        for peer in peers:
            self.peers.scripts[peer] = script


def test_call__first_peer_hangs__second_answers_and_the_first_is_given_up():
    gateway = Hedged()
    gateway.hang(1)

    async def call():
        async with gateway.open() as client:
            answer = await client.post(PATH, json=[], headers=TWICE)
            await asyncio.sleep(0)
            return answer.json()["result"], gateway.given_up

    assert asyncio.run(call()) == (2, True)
    assert "wasmarket_gateway_hedges_total 1.0" in gateway.send("GET", "/metrics").text


@pytest.mark.parametrize("settings", [{"hedge_percentile": 0.0}, {}])
def test_call__that_may_not_run_twice_or_hedging_is_off__waits(settings):
    gateway = Hedged(**settings)
    gateway.hang(1, 2)
    headers = TWICE if settings else {}

    async def call():
        async with gateway.open() as client:
            asking = asyncio.create_task(client.post(PATH, json=[], headers=headers))
            while not gateway.peers.asked:
                await asyncio.sleep(0)
            answered, _ = await asyncio.wait({asking}, timeout=0.2)
            asking.cancel()
            return answered

    assert asyncio.run(call()) == set()
    assert len(gateway.peers.asked) == 1


@pytest.mark.parametrize("failure", [PeerFailed("broken"), refusal(503)])
def test_call__hedged_and_one_fails__the_other_counts(failure):
    gateway = Hedged()
    turn = []

    async def script(_):
        turn.append(1)
        if len(turn) == 1:
            while len(turn) < 2:
                await asyncio.sleep(0)
            return failure
        await asyncio.sleep(0.01)
        return result("late")

    gateway.peers.scripts = {1: script, 2: script}

    answer = gateway.call(headers=TWICE)

    assert answer.json() == {"result": "late"}
    assert len(gateway.peers.asked) == 2


def test_usual__few_answers__is_not_known():
    usual = Usual(90.0)
    for _ in range(FEWEST_SAMPLES - 1):
        usual.add(1, 1.0)
    assert usual.after(1) is None

    usual.add(1, 1.0)

    assert usual.after(1) == 1.0
    assert usual.after(2) is None


def test_usual__percentile__is_that_of_the_last_answers():
    usual = Usual(90.0)
    for number in range(1_000):
        usual.add(1, number / 1_000)

    assert usual.after(1) == pytest.approx(0.744 + 0.9 * 0.256, abs=0.002)
