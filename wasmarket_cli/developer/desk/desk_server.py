"""Serve an app over HTTP without a chain: a peer, and a gateway in front of it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from peer.api.fastpath.protocol import bind_protocol
from peer.hosting.hosted_deal import HostState
from peer.hosting.served_assignment import CallRequest, Recorded
from peer.runtime.module.service import BodyKind
from wasmarket import __version__
from wasmarket.app.file import App
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.documents.triggers import Trigger
from wasmarket.kernel.errors import MarketError, TimedOut
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.serving.daemon import Loops, Pace, TaskLoop
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.server import bind, open_server, url_of
from wasmarket_cli.developer.desk.desk_front import DeskFront, Told
from wasmarket_cli.developer.desk.desk_peer import PEER, DeskPeer, DeskTerms

TICK_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.02
SWITCH_SECONDS: Final = 120.0
"""How long a version may take to start."""
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """Where a desk keeps its things and is reached; port 0: any free one."""

    folder: Path
    port: int
    cors_origins: tuple[str, ...] = ()


class DeskDirectory:
    """Says that the one deal runs at the one peer."""

    def __init__(self, peer: DeskPeer, terms: DeskTerms, endpoint: str) -> None:
        self._peer = peer
        self._terms = terms
        self._route = PeerRoute(PEER, endpoint, 0)

    async def find(self, deal: int) -> DealRoute | None:
        """Return the deal's route; None: another deal, or nothing is served yet."""
        app = self._peer.app
        if deal != self._terms.deal or app is None:
            return None
        developer = self._peer.developer.address
        return DealRoute(deal, developer, app, DealStatus.RUNNING, (self._route,))

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return nobody: the peer is always there."""
        return ()

    async def find_apps(self) -> frozenset[Hash]:
        """Return the app."""
        return frozenset(() if self._peer.app is None else (self._peer.app,))

    async def find_developers(self) -> frozenset[Address]:
        """Return the one developer."""
        return frozenset((self._peer.developer.address,))


class Desk:
    """An app that is served here; `url` is the gateway's."""

    def __init__(self, peer: DeskPeer, terms: DeskTerms, url: str) -> None:
        self.peer = peer
        self.terms = terms
        self.url = url

    async def switch(self, app: App) -> None:
        """Serve a version from now on; the one before goes on until it is healthy, or for ever.

        Raises MarketError with why it does not start, TimedOut.
        """
        await self.peer.give(app)
        until = time.monotonic() + SWITCH_SECONDS
        while time.monotonic() < until:
            hosted = self.peer.hosted
            version, failed = hosted.version, hosted.failed_update
            if version is not None and version.app == app.app and hosted.runs:
                return
            if failed is not None and failed[0] == app.app:
                raise MarketError(failed[1].detail)
            if hosted.state() is HostState.FAILED:
                raise MarketError(hosted.failure())
            await asyncio.sleep(LOOK_SECONDS)
        raise TimedOut(f"the app did not start within {SWITCH_SECONDS:.0f} s")

    def list_triggers(self) -> list[Trigger]:
        """Return the triggers of the version that serves, in the order of its app.toml."""
        version = self.peer.hosted.version
        return [] if version is None else list(version.manifest.triggers)

    async def fire(self, trigger: Trigger) -> Recorded:
        """Make a trigger's call now. Raises MarketError with what keeps it from being made."""
        hosted = self.peer.hosted
        done: asyncio.Future[Recorded | Exception] = asyncio.get_running_loop().create_future()

        def deliver(outcome: Recorded | Exception) -> None:
            if not done.done():
                done.set_result(outcome)

        now = int(time.time())
        parameters = {
            "init_peer_id": "",
            "service_id": trigger.service,
            "service_creator_peer_id": self.peer.developer.address,
            "host_id": str(PEER),
            "worker_id": "1",
            "particle_id": f"{trigger.key}:{now}",
        }
        call = CallRequest(
            trigger.service, trigger.function, trigger.arguments, BodyKind.JSON, now, parameters
        )
        hosted.submit(hosted.pick(), call, deliver)
        outcome = await done
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.fault is not None:
            raise outcome.fault
        return outcome


@asynccontextmanager
async def open_desk(
    place: DeskPlace, terms: DeskTerms, told: Told = lambda *answer: None
) -> AsyncIterator[Desk]:
    """Serve a peer and a gateway while the context is open; an app is given by `switch`.

    `told` hears of each answer. Raises PortInUse, Conflict if another process uses the folder.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    listener = bind(HOST, place.port)
    try:
        peer = DeskPeer(place.folder / "peer", terms)
    except BaseException:
        listener.close()
        raise
    try:
        desk = Desk(peer, terms, url_of(listener))
        async with _open_both(desk, place, listener, told):
            loops = Loops(TaskLoop("time", peer.tick, Pace(TICK_SECONDS)))
            loops.start()
            try:
                yield desk
            finally:
                await loops.close()
    finally:
        peer.close()


@asynccontextmanager
async def _open_both(
    desk: Desk, place: DeskPlace, listener: socket.socket, told: Told
) -> AsyncIterator[None]:
    peer = desk.peer
    calls = bind_protocol(peer.process.app.state.calls)
    async with open_server(peer.process.app, bind(HOST, 0), calls) as endpoint:
        settings = GatewaySettings(cors_origins=place.cors_origins, directory_seconds=0.0)
        parts = GatewayParts(
            version=__version__,
            deployment=peer.deployment,
            directory=DeskDirectory(peer, desk.terms, endpoint),
            outbound=Outbound(allow_private=False, trusted=(endpoint,)),
            folder=place.folder / "gateway",
            now=lambda: Timestamp(int(time.time())),
            refresh=lambda: None,
        )
        front = DeskFront(create_front(create_gateway(settings, parts)), desk, told)
        async with open_server(front, listener):
            yield
