"""A gateway runs another part in its process and tells of it; the part hears of answered calls."""

import asyncio

import httpx
import pytest
from fastapi import APIRouter

from tests.gateway.peers import DEAL, FakeDirectory, ScriptedGateway, refusal, result, route
from wasmarket.kernel.errors import Unreachable
from wasmarket.serving.daemon import Pace, ThreadLoop
from wasmarket.serving.service import HostedPart

pytestmark = pytest.mark.unit


class Guest:
    """A part with a loop, whose turns fail if it is told so."""

    def __init__(self):
        self.is_closed, self.fails, self.obstacles = False, False, []
        self.loop = ThreadLoop("guesting", self._step, Pace(60))
        router = APIRouter()
        router.add_api_route("/v1/usage", lambda: {"of": "the guest"})
        self.part = HostedPart(
            name="guest",
            loops=(self.loop,),
            router=router,
            status=lambda: {"is_well": not self.fails},
            obstacles=lambda: self.obstacles,
            close=self._close,
        )

    def _step(self):
        if self.fails:
            raise Unreachable("the guest's node is away")

    def _close(self):
        assert self.loop.is_stopping
        self.is_closed = True

    def live(self, *paths):
        """Let a gateway live until the guest had a turn; return its answers to GETs then."""
        gateway = ScriptedGateway(FakeDirectory(), hosted=(self.part,))

        async def live():
            context = gateway.app.router.lifespan_context(gateway.app)
            async with context, gateway.open() as client:
                while not sum(self.loop.turns.values()):
                    await asyncio.sleep(0.01)
                return [await client.get(path) for path in paths]

        return asyncio.run(live())


@pytest.fixture
def guest():
    return Guest()


def test_guest__beside_the_gateway__is_in_its_status_metrics_and_routes(guest):
    status, metrics, usage = guest.live("/v1/status", "/metrics", "/v1/usage")

    assert status.json()["extra"]["guest"] == {"is_well": True}
    assert 'wasmarket_loop_turns_total{loop="guesting",outcome="ok"} 1.0' in metrics.text
    assert usage.json() == {"of": "the guest"}
    assert guest.is_closed


def test_guest__its_turns_fail__the_gateway_is_not_ready_and_says_why(guest):
    guest.fails = True

    [ready] = guest.live("/v1/health/ready")

    assert ready.status_code == 503
    assert "guesting: the guest's node is away" in ready.json()["reason"]


def test_guest__has_an_obstacle__is_told(guest):
    guest.obstacles = ["the budget is used up"]

    [ready] = guest.live("/v1/health/ready")

    assert "the budget is used up" in ready.json()["reason"]


def test_watch__call_with_a_receipt__is_heard_with_its_peer_and_input():
    heard = []
    gateway = ScriptedGateway(FakeDirectory(route(3)), watch=lambda *call: heard.append(call))
    answer = result("x", 3)
    answer.headers["Wasmarket-Head"] = "1:0:ab:cd"
    gateway.peers.answer(3, result("x", 3), answer, refusal(400))

    answers = [gateway.call(), gateway.call(json=[2]), gateway.call()]

    assert [a.status_code for a in answers] == [200, 200, 400]
    assert heard == [(3, "1:0:ab", "", b"[1]"), (3, "1:0:ab", "1:0:ab:cd", b"[2]")]


def test_watch__body_that_streams_through__is_not_held_for_it():
    heard = []
    gateway = ScriptedGateway(
        FakeDirectory(route(3)), watch=lambda *call: heard.append(call), held_body_bytes=10
    )
    gateway.peers.answer(3, result("x", 3))

    async def parts():
        for _ in range(50):
            yield b"x" * 10

    answer = gateway.send("POST", f"/v1/deals/{DEAL}/s/f", content=parts())

    assert (answer.status_code, heard) == (httpx.codes.OK, [])
