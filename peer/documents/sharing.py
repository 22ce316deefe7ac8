"""Put together how a peer shares what developers sign."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from peer.chain_state.listener import Listener
from peer.documents.access_gossip import AccessGossip, SharedAccess
from peer.documents.gossip import TICK_SECONDS
from peer.documents.pauses import PausedDeal, PauseGossip
from peer.documents.secret_gossip import AssignedPeers, SecretDeal, SecretGossip
from wasmarket.chain.contracts.bindings import MarketLens
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.serving.daemon import Pace, TaskLoop


class SharingDeal(SharedAccess, PausedDeal, SecretDeal, Protocol):
    """A deal whose peers agree on all documents."""


@dataclass(frozen=True, slots=True)
class DocumentSharing:
    """All kinds of documents. Event loop only."""

    access: AccessGossip
    pauses: PauseGossip
    secrets: SecretGossip

    async def ask(self, hosted: SharingDeal) -> None:
        """Ask a deal's other peers for its documents, and wait for them."""
        await asyncio.gather(
            self.access.ask(hosted), self.pauses.ask(hosted), self.secrets.ask(hosted)
        )

    async def tell(self, deals: Sequence[SharingDeal]) -> None:
        """Tell whoever may not know what these deals' documents are."""
        await asyncio.gather(
            self.access.tell(deals), self.pauses.tell(deals), self.secrets.tell(deals)
        )


def build_sharing_loop(
    sharing: DocumentSharing, find_deals: Callable[[], Iterable[SharingDeal]]
) -> TaskLoop:
    """Return the loop that tells other peers what is new."""
    return TaskLoop("documents", lambda: sharing.tell(list(find_deals())), Pace(TICK_SECONDS))


def build_sharing(
    client: httpx.AsyncClient, domain: Domain, listener: Listener, lens: MarketLens
) -> DocumentSharing:
    """Return what shares documents with peers that the listener and the chain know."""
    assigned = AssignedPeers(listener, lens)

    async def find_keys(deal: int, endpoint: str) -> list[bytes]:
        return await asyncio.to_thread(assigned.find_keys, deal, endpoint)

    return DocumentSharing(
        AccessGossip(client, domain),
        PauseGossip(client, domain),
        SecretGossip(client, domain, find_keys),
    )
