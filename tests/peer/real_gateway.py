"""Ask real peers through a gateway made for the occasion."""

import asyncio
from pathlib import Path

import httpx

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.run import GatewayParts, create_gateway
from gateway.settings import GatewaySettings
from tests.gateway.peers import FakeDirectory
from tests.peer.market_world import MarketWorld
from tests.peer.peer_runner import PeerRunner
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.units import Hash
from wasmarket.serving.outbound import Outbound

NO_APP = Hash("0x" + "00" * 32)


class RealGateway:
    """A new gateway for each request, in front of peers that run as processes."""

    def __init__(
        self, world: MarketWorld, deal: int, peers: tuple[PeerRunner, ...], app: Hash = NO_APP
    ) -> None:
        self._world = world
        self._deal = deal
        self._peers = peers
        self._app = app

    def send(
        self,
        folder: Path,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        **settings: object,
    ) -> httpx.Response:
        """Return the answer of a gateway that keeps its content in `folder`."""
        return asyncio.run(
            self._send(folder, GatewaySettings(**settings), method, path, body, headers)
        )

    async def _send(
        self,
        folder: Path,
        settings: GatewaySettings,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str] | None,
    ) -> httpx.Response:
        routes = tuple(PeerRoute(runner.number, runner.url, 0) for runner in self._peers)
        developer = self._world.developer.address
        parts = GatewayParts(
            version="test",
            deployment=self._world.deployment,
            directory=FakeDirectory(
                DealRoute(self._deal, developer, self._app, DealStatus.RUNNING, routes)
            ),
            outbound=Outbound(allow_private=True),
            folder=folder,
            now=lambda: self._world.rpc.fetch_head().timestamp,
            refresh=lambda: None,
        )
        app = create_gateway(settings, parts)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://gateway"
            ) as client,
        ):
            return await client.request(method, path, content=body, headers=headers)
