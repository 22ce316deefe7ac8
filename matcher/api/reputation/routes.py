"""Routes for reputations."""

from enum import IntEnum
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from matcher.api.reputation.reads import ReputationReads
from matcher.api.reputation.views import NamedEventJson, ReputationJson, SummaryJson
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.reputation.kinds import FIGURE_NAMES, SORTS
from wasmarket.serving.pages import DEFAULT_LIMIT, Cursor, Limit, Page
from wasmarket.serving.texts import AddressText

Number = Annotated[int, Path(ge=0, lt=2**63)]
Figure = Annotated[
    str | None,
    Query(pattern=f"^({'|'.join(FIGURE_NAMES)})$", description="which events; all without it"),
]
Epochs = Annotated[int, Query(ge=1, le=1_000_000, description="final epochs, the newest")]


class CountedEpochs(IntEnum):
    """The numbers of epochs that figures are counted over."""

    WEEK = 7
    MONTH = 30
    QUARTER = 90


Sort = Annotated[
    str, Query(pattern=f"^({'|'.join(SORTS)})$", description="what the list is sorted by")
]


def reputation_routes(reads: ReputationReads) -> APIRouter:
    """Return the routes that read reputations."""
    router = APIRouter()

    @router.get("/v1/peers/{peer}/reputation", tags=["reputation"])
    def read_peer_reputation(peer: Number) -> ReputationJson:
        """How a peer kept what it sold, from the chain alone, over 7, 30 and 90 epochs."""
        return reads.read(peer=peer)

    @router.get("/v1/peers/{peer}/reputation/events", tags=["reputation"])
    def list_peer_reputation_events(
        peer: Number,
        figure: Figure = None,
        epochs: Epochs = 90,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[NamedEventJson]:
        """The events that a figure of a peer counts, the newest first."""
        return reads.list_events(figure, epochs, cursor, limit, peer=peer)

    @router.get("/v1/providers/{address}/reputation", tags=["reputation"])
    def read_provider_reputation(address: AddressText) -> ReputationJson:
        """How all peers of a provider kept what they sold."""
        return reads.read(provider=parse_address(address, field="address"))

    @router.get("/v1/providers/{address}/reputation/events", tags=["reputation"])
    def list_provider_reputation_events(
        address: AddressText,
        figure: Figure = None,
        epochs: Epochs = 90,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[NamedEventJson]:
        """The events that a figure of a provider counts, the newest first."""
        provider = parse_address(address, field="address")
        return reads.list_events(figure, epochs, cursor, limit, provider=provider)

    @router.get("/v1/reputations", tags=["reputation"])
    def list_reputations(
        of: Annotated[Literal["providers", "peers"], Query()] = "providers",
        sort: Sort = "uptime",
        worst: bool = False,
        epochs: Annotated[
            CountedEpochs, Query(description="final epochs, the newest")
        ] = CountedEpochs.MONTH,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[SummaryJson]:
        """All providers or peers in short, the best first, or the `worst`."""
        return reads.list_summaries(of, sort, worst, epochs, cursor, limit)

    return router
