"""Peers of one deal that reach one another, and one clock for all of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI

from peer.api.triggers import create_trigger_router
from peer.triggers.firings import TriggerFile
from peer.triggers.runner import TriggerRunner
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import Unreachable

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
        self.given_at = 0.0
        """When a worker was given its calls, on the monotonic clock."""

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
                    given_at=self.given_at,
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
        while sum(len(runner._calls.tasks) for runner in self.runners) > len(self.sleepers):
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
