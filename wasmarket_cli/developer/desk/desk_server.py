"""Serve an app over HTTP without a chain: a peer, and a gateway in front of it."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from peer.api.fastpath.protocol import bind_protocol
from peer.api.triggers import view_record
from peer.hosting.hosted_deal import HostState
from peer.hosting.served_assignment import CallRequest, Recorded
from peer.runtime.module.service import BodyKind
from wasmarket import __version__
from wasmarket.app.file import App
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.documents.triggers import CHAIN_EVENT, Trigger, add_argument
from wasmarket.kernel.errors import InvalidInput, MarketError, TimedOut
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.serving.daemon import Loops, Pace, TaskLoop
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.server import bind, open_server, url_of
from wasmarket_cli.developer.desk.desk_events import DeskNodes
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

    def __init__(self, peer: DeskPeer, terms: DeskTerms, url: str, nodes: DeskNodes) -> None:
        self.peer = peer
        self.terms = terms
        self.url = url
        self.nodes = nodes

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

    def view_triggers(self) -> dict[str, dict[str, Any]]:
        """Return what the peer tells of each trigger that it has begun with, by key."""
        runner, hosted = self.peer.process.triggers, self.peer.hosted
        records = runner.list_records(self.terms.deal)
        views = [view_record(record, runner, hosted.pauses) for record in records]
        return {view.key: view.model_dump() for view in views}

    async def fire(self, trigger: Trigger, event: Any = None) -> Recorded:
        """Make a trigger's call now; `event` is that of a trigger of events.

        Raises MarketError with what keeps it from being made.
        """
        hosted = self.peer.hosted
        body = add_event(trigger, event)
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
        call = CallRequest(trigger.service, trigger.function, body, BodyKind.JSON, now, parameters)
        hosted.submit(hosted.pick(), call, deliver)
        outcome = await done
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.fault is not None:
            raise outcome.fault
        return outcome


def add_event(trigger: Trigger, event: Any) -> bytes:
    """Return a trigger's arguments with the event behind them, where it waits for events.

    Raises InvalidInput for an event that is missing, or too much.
    """
    if trigger.kind != CHAIN_EVENT:
        if event is not None:
            raise InvalidInput(f"a trigger of kind {trigger.kind} takes no event", field="event")
        return trigger.arguments
    if not isinstance(event, dict):
        raise InvalidInput(
            "this trigger waits for an event: give one to fire it by hand",
            field="event",
            remedy=f"as {json.dumps(trigger.fragment.sample())}",
        )
    return add_argument(trigger.arguments, event)


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
        nodes = await asyncio.to_thread(DeskNodes, terms.nodes, peer.deployment)
    except BaseException:
        listener.close()
        peer.close()
        raise
    try:
        desk = Desk(peer, terms, url_of(listener), nodes)
        async with _open_both(desk, place, listener, told):
            loops = Loops(
                TaskLoop("time", peer.tick, Pace(TICK_SECONDS)),
                nodes.build_loop(peer.process.triggers),
            )
            loops.start()
            try:
                yield desk
            finally:
                await loops.close()
    finally:
        nodes.close()
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
