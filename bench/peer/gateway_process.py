"""Run a gateway of one deal on one peer: `python -m bench.peer.gateway_process URL DEAL FOLDER`."""

import sys
from pathlib import Path

from gateway.directory.deals import DealRoute, PeerRoute
from gateway.run import GatewayParts, create_front, create_gateway
from gateway.settings import GatewaySettings
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import DealStatus
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.serving.outbound import Outbound
from wasmarket.serving.server import bind, serve
from wasmarket.testing.fake_chain import fake_deployment
from wasmarket_cli.logs import configure_logging

NO_APP = Hash("0x" + "00" * 32)


class OneDeal:
    """A directory that knows one deal; what a store or matcher says is asked once a second."""

    def __init__(self, route: DealRoute) -> None:
        """`route` is all there is."""
        self._route = route

    async def find(self, deal: int) -> DealRoute | None:
        """Return the deal."""
        return self._route if deal == self._route.deal else None

    async def find_former(self, deal: int) -> tuple[PeerRoute, ...]:
        """Return nobody: the deal runs."""
        return ()

    async def find_apps(self) -> frozenset[Hash]:
        """Return no app: nothing is uploaded."""
        return frozenset()

    async def find_developers(self) -> frozenset[Address]:
        """Return nobody: nothing is uploaded."""
        return frozenset()


def main() -> None:
    """Serve until told to stop; print the URL."""
    url, deal, folder = sys.argv[1:]
    configure_logging()
    route = DealRoute(int(deal), ZERO_ADDRESS, NO_APP, DealStatus.RUNNING, (PeerRoute(1, url, 0),))
    parts = GatewayParts(
        version="bench",
        deployment=fake_deployment(),
        directory=OneDeal(route),
        outbound=Outbound(allow_private=True),
        folder=Path(folder),
        now=lambda: Timestamp(0),
        refresh=lambda: None,
    )
    front = create_front(create_gateway(GatewaySettings(), parts))
    serve(front, bind("127.0.0.1", 0), lambda ready: print(ready, flush=True))


if __name__ == "__main__":
    main()
