"""Peers as a gateway sees them: scripted, and they remember what they were asked."""

import asyncio
import inspect
import shutil
import tempfile
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.run import GatewayParts, create_gateway
from gateway.settings import GatewaySettings
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.errors import Unreachable
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.peer_wire.connection import Outgoing
from wasmarket.testing.fake_chain import fake_deployment

DEVELOPER = "0x" + "11" * 20
APP = "0x" + "22" * 32
DEAL = 7

Answer = httpx.Response | Exception
Script = Callable[[httpx.Request], Answer | Awaitable[Answer]]


def route(
    *peers: int, deal: int = DEAL, status: DealStatus = DealStatus.RUNNING, app: str = APP
) -> DealRoute:
    """Return a deal that runs on these peers."""
    routes = tuple(PeerRoute(peer, f"http://peer{peer}", 0) for peer in peers)
    return DealRoute(deal, DEVELOPER, app, status, routes)


class FakeDirectory:
    """A directory that a test fills; `is_away` makes it unreachable."""

    def __init__(self, *routes: DealRoute) -> None:
        self.routes = {entry.deal: entry for entry in routes}
        self.is_away = False
        self.asked = 0
        self.former: tuple[PeerRoute, ...] = ()

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return what the test put."""
        return self.former

    async def find(self, deal: int) -> DealRoute | None:
        """Return what the test put."""
        self.asked += 1
        if self.is_away:
            raise Unreachable("the directory is away")
        return self.routes.get(deal)

    async def find_apps(self) -> frozenset[str]:
        """Return the apps of all routes."""
        return frozenset(entry.app for entry in self.routes.values())

    async def find_developers(self) -> frozenset[str]:
        """Return the developers of all routes."""
        return frozenset(entry.developer for entry in self.routes.values())


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

    async def open(self, endpoint: str, outgoing: Outgoing) -> "FakeAnswer":
        """Take the place of the wire."""
        body = outgoing.body + b"".join([part async for part in outgoing.more or _no_parts()])
        headers = [(name.decode(), value.decode("latin-1")) for name, value in outgoing.headers]
        url = endpoint.rstrip("/") + outgoing.target
        request = httpx.Request(outgoing.method, url, headers=headers, content=body)
        request.extensions["idempotent"] = outgoing.idempotent
        self.requests.append(request)
        script = self.scripts.get(int(request.url.host.removeprefix("peer")))
        if script is None:
            raise Unreachable("nobody listens")
        answer = script(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return FakeAnswer(answer)

    def close(self) -> None:
        """Do nothing."""


async def _no_parts():
    for part in ():
        yield part


class FakeAnswer:
    """A scripted answer as the wire hands it over; `body` may be an exception in the middle."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower() != b"content-length"
        ]
        self.length: int | None = len(answer.content)
        self._body = answer.content
        self.is_closed = False

    async def read(self) -> bytes:
        """Return the body once, then nothing."""
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


def result(value: object, peer: int = 1) -> httpx.Response:
    """Return a peer's answer to a call."""
    headers = {"Wasmarket-Peer": str(peer), "Wasmarket-Receipt": "1:0:ab"}
    return httpx.Response(200, json={"result": value}, headers=headers)


def refusal(status: int) -> httpx.Response:
    """Return a peer's problem document."""
    body = {"type": "urn:wasmarket:test", "title": "t", "status": status, "detail": "no"}
    headers = {"content-type": "application/problem+json"}
    return httpx.Response(status, json=body, headers=headers)


class NoNames(Outbound):
    """No name has an address: what a gateway asks for besides calls, nobody gives."""

    async def resolve(self, host: str, port: int) -> list[str]:
        raise OSError(f"{host} is not known")


class ScriptedGateway:
    """A whole gateway in front of scripted peers, without any socket."""

    def __init__(
        self,
        directory: FakeDirectory,
        *,
        folder: Path | None = None,
        hosted=(),
        watch=None,
        **settings,
    ) -> None:
        self.peers = FakePeers()
        self.directory = directory
        self.now = 0.0
        self.settings = GatewaySettings(
            **({"patience_seconds": 0.0, "max_body_bytes": 1_000, "probe_seconds": 0.0} | settings)
        )
        self.settings_folder = folder or Path(tempfile.mkdtemp(prefix="gateway-"))
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self.settings_folder, ignore_errors=True)
        parts = GatewayParts(
            version="test",
            deployment=fake_deployment(),
            directory=directory,
            outbound=NoNames(allow_private=True),
            folder=self.settings_folder,
            now=lambda: 1_000_000,
            refresh=lambda: None,
            clock=lambda: self.now,
            wire=self.peers,
            hosted=hosted,
            watch=watch,
        )
        self.app = create_gateway(self.settings, parts)

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
        async with self.open() as client:
            return [await client.request(m, path, **options) for m, path, options in requests]

    def open(self) -> httpx.AsyncClient:
        """Return a client of the gateway; its loops do not run."""
        inside = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=inside, base_url="http://gateway")
