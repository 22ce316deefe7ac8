"""Peers as a gateway sees them: scripted, and they remember what they were asked."""

import asyncio
from collections.abc import Callable

import httpx
from prometheus_client import CollectorRegistry

from gateway.calls import Calls, build_alias_routes, build_call_routes
from gateway.directory import DealRoute, PeerRoute, RememberingDirectory
from gateway.forward import Forwarder, Health
from kernel.billing import DealStatus
from kernel.errors import Unreachable
from serving.service import Readiness, ServiceInfo, ServiceStatus, create_service

DEVELOPER = "0x" + "11" * 20
APP = "0x" + "22" * 32
DEAL = 7

Answer = httpx.Response | Exception
Script = Callable[[httpx.Request], Answer]


def route(*peers: int, deal: int = DEAL, status: DealStatus = DealStatus.RUNNING) -> DealRoute:
    """Return a deal that runs on these peers."""
    routes = tuple(PeerRoute(peer, f"http://peer{peer}", 0) for peer in peers)
    return DealRoute(deal, DEVELOPER, APP, status, routes)


class FakeDirectory:
    """A directory that a test fills; `is_away` makes it unreachable."""

    def __init__(self, *routes: DealRoute) -> None:
        self.routes = {entry.deal: entry for entry in routes}
        self.is_away = False
        self.asked = 0

    async def find(self, deal: int) -> DealRoute | None:
        """Return what the test put."""
        self.asked += 1
        if self.is_away:
            raise Unreachable("the directory is away")
        return self.routes.get(deal)

    async def find_apps(self) -> frozenset[str]:
        """Return the apps of all routes."""
        return frozenset(entry.app for entry in self.routes.values())


class FakePeers:
    """Answers for hosts `peer1`, `peer2`, … as their scripts say; a peer without one is down."""

    def __init__(self) -> None:
        self.scripts: dict[int, Script] = {}
        self.requests: list[httpx.Request] = []

    def answer(self, peer: int, *answers: Answer) -> None:
        """Make a peer answer these in turn, the last for ever."""
        waiting = list(answers)
        self.scripts[peer] = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    @property
    def asked(self) -> list[int]:
        """Which peers were asked, in order."""
        return [int(request.url.host.removeprefix("peer")) for request in self.requests]

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take the place of the network."""
        self.requests.append(request)
        script = self.scripts.get(int(request.url.host.removeprefix("peer")))
        if script is None:
            raise httpx.ConnectError("nobody listens")
        answer = script(request)
        if isinstance(answer, Exception):
            raise answer
        # A response is read once; the next request gets a fresh one.
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=answer.content, request=request
        )


def result(value: object, peer: int = 1) -> httpx.Response:
    """Return a peer's answer to a call."""
    headers = {"Wasmarket-Peer": str(peer), "Wasmarket-Receipt": "1:0:ab"}
    return httpx.Response(200, json={"result": value}, headers=headers)


def refusal(status: int) -> httpx.Response:
    """Return a peer's problem document."""
    body = {"type": "urn:wasmarket:test", "title": "t", "status": status, "detail": "no"}
    headers = {"content-type": "application/problem+json"}
    return httpx.Response(status, json=body, headers=headers)


class ScriptedGateway:
    """A gateway's call routes in front of scripted peers, without any socket."""

    def __init__(
        self, directory: FakeDirectory, *, patience: float = 0.0, max_body: int = 1_000, **options
    ) -> None:
        self.peers = FakePeers()
        self.directory = directory
        self.now = 0.0
        self._remembering = RememberingDirectory(directory, 1.0, lambda: self.now)
        self._health = Health(5.0, lambda: self.now)
        self._patience, self._max_body = patience, max_body
        self._aliases = options.get("aliases", {})

    def send(self, method: str, path: str, **options) -> httpx.Response:
        """Send one request to the gateway."""
        return self.send_all((method, path, options))[0]

    def call(self, path: str = f"/v1/deals/{DEAL}/s/f", **options) -> httpx.Response:
        """Call a function."""
        return self.send("POST", path, **({"json": [1]} | options))

    def send_all(self, *requests: tuple[str, str, dict]) -> list[httpx.Response]:
        """Send requests one after the other."""
        return asyncio.run(self._send_all(requests))

    async def _send_all(self, requests) -> list[httpx.Response]:
        transport = httpx.MockTransport(self.peers)
        async with httpx.AsyncClient(transport=transport) as http:
            calls = Calls(
                self._remembering,
                Forwarder(http, self._health),
                self._aliases,
                max_body=self._max_body,
                patience=self._patience,
            )
            app = create_service(
                ServiceInfo("gateway", "test"),
                status=lambda: ServiceStatus(31337, {}, None, None, None),
                readiness=lambda: Readiness(True),
                registry=CollectorRegistry(),
            )
            app.include_router(build_call_routes(calls))
            app.include_router(build_alias_routes(calls))
            inside = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=inside, base_url="http://gateway") as client:
                return [await client.request(m, path, **options) for m, path, options in requests]
