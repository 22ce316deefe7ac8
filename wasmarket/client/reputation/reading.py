"""Ask a matcher for reputations, and check its answers against the chain."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wasmarket.client.service import ServiceClient
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.reputation.figures import WINDOWS
from wasmarket.kernel.reputation.kinds import PROVEN
from wasmarket.kernel.units import Address

if TYPE_CHECKING:
    from wasmarket.client.reputation.comparison import FigureDifference

MARGIN = 10
"""Epochs more that events are asked for than the longest window has: one may begin meanwhile."""

PAGE = 1_000
MOST_PEERS = 200
"""Peers that a gateway is asked about at once."""

Report = Callable[[str, int, int], object]


class ReputationClient:
    """Reads reputations. Raises errors of `kernel.errors`."""

    def __init__(self, wiring: Wiring) -> None:
        """Ask the matcher of the settings; the node only to verify."""
        self._wiring = wiring
        self._matcher = ServiceClient("matcher", wiring.client.matcher, wiring.http)
        self._gateway = ServiceClient("gateway", wiring.client.gateway, wiring.http)

    def fetch(self, whose: Address | int) -> dict[str, Any]:
        """Return the answer about a provider by address, or a peer by number. Raises NotFound."""
        answer: dict[str, Any] = self._matcher.get(f"{_path(whose)}/reputation")
        return answer

    def events(
        self, whose: Address | int, figure: str | None = None, epochs: int = max(WINDOWS)
    ) -> Iterator[dict[str, Any]]:
        """Yield the events that a figure counts, the newest first."""
        wanted = {"figure": figure, "epochs": epochs, "limit": PAGE}
        yield from self._matcher.items(f"{_path(whose)}/reputation/events", wanted)

    def summaries(
        self, of: str = "providers", sort: str = "uptime", *, worst: bool = False, epochs: int = 30
    ) -> Iterator[dict[str, Any]]:
        """Yield providers or peers in short, the best first."""
        wanted = {"of": of, "sort": sort, "worst": str(worst).lower(), "epochs": epochs}
        yield from self._matcher.items("/v1/reputations", wanted)

    def measured(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the gateway of the settings measured of the peers of an answer.

        Not of the chain: `measured_by` says who measured, `url` where that was asked. Raises
        Unreachable, MarketError.
        """
        if said["peer"] is not None:
            peers = [int(said["peer"])]
        else:
            rows = self._matcher.items("/v1/peers", {"provider": said["provider"], "limit": PAGE})
            peers = [int(row["id"]) for row in rows]
        found = [
            self._gateway.get("/v1/measurements", {"peer": peers[at : at + MOST_PEERS]})
            for at in range(0, len(peers), MOST_PEERS)
        ]
        return {
            "url": self._gateway.url,
            "measured_by": found[0]["measured_by"],
            "since": found[0]["since"],
            "peers": [entry for part in found for entry in part["peers"]],
        }

    def verify(
        self,
        whose: Address | int,
        said: dict[str, Any] | None = None,
        report: Report = lambda *_: None,
    ) -> "list[FigureDifference]":
        """Return where an answer [a new one] is not what the chain's logs give up to its block.

        Every figure of every window and epoch, and every event by block, log and transaction.
        """
        from wasmarket.client.reputation.chain_logs import LogSearch  # noqa: PLC0415 - decoder
        from wasmarket.client.reputation.comparison import compare  # noqa: PLC0415
        from wasmarket.client.reputation.recount import LogCounter  # noqa: PLC0415

        answer = self.fetch(whose) if said is None else said
        block = int(answer["block"])
        deployment = self._wiring.deployment
        search = LogSearch(self._wiring.rpc, deployment, block, report)
        found = search.of_peer(whose) if isinstance(whose, int) else search.of_provider(whose)
        counter = LogCounter(deployment, found.peers)
        counter.apply(found.logs)
        recount = counter.finish(found.head.timestamp)
        first = recount.windows[max(WINDOWS)].first
        named = [
            event
            for figure in (None, PROVEN)
            for event in self.events(whose, figure, max(WINDOWS) + MARGIN)
            if event["in_block"] <= block and event["epoch"] >= first
        ]
        return compare(answer, named, recount, deployment.parameters.bond_per_unit)


def _path(whose: Address | int) -> str:
    return f"/v1/peers/{whose}" if isinstance(whose, int) else f"/v1/providers/{whose}"
