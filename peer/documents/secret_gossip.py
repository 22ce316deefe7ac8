"""Let the peers of a deal agree on its secrets: a peer that has them seals them to one that joins.

Before it does, it looks on the chain whether that peer has a live assignment of the deal, and under
which key. What comes is taken only by a peer that has one, and only if it is what the developer
signed for.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import httpx

from peer.chain_state.listener import Listener
from peer.documents.gossip import DocumentGossip, SharedDeal, Told, write_copy
from peer.documents.secret_store import SecretStore
from wasmarket.chain.contracts.bindings import MarketLens
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.endpoints import same_endpoint
from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.kernel.signing.secrets import parse_secret_list, seal_secret
from wasmarket.kernel.signing.typed_data import Domain

logger = logging.getLogger(__name__)

LIVE_STATES: Final = (1, 2, 4)
"""PENDING, ACTIVE, METERED."""

FindKeys = Callable[[int, str], Awaitable[list[bytes]]]
"""From a deal and an endpoint to the keys of the peers there that are assigned to it now."""


class SecretDeal(SharedDeal, Protocol):
    """A deal whose peers share secrets."""

    @property
    def secrets(self) -> SecretStore:
        """What is here of them."""


class SecretGossip(DocumentGossip[SecretDeal]):
    """Tells and takes lists of secrets, and boxes."""

    kind = "secrets"
    most_answer = 8_192
    """Also the names of secrets that a peer lacks."""

    def __init__(self, client: httpx.AsyncClient, domain: Domain, find_keys: FindKeys) -> None:
        super().__init__(client, domain)
        self._find_keys = find_keys

    def find(self, hosted: SecretDeal) -> SecretStore:
        """Return a deal's secrets."""
        return hosted.secrets

    def adopt(self, hosted: SecretDeal, document: DeveloperDocument) -> bool:
        """Take a list if it wins. Raises Forbidden, InvalidSignature, InvalidInput."""
        deal = hosted.deal
        path = f"/v1/deals/{deal.id}/{self.kind}"
        listed = parse_secret_list(document.read(path, deal.developer, self._domain))
        return hosted.secrets.adopt(listed, document)

    def take(
        self,
        hosted: SecretDeal,
        version: int,
        document: DeveloperDocument | None,
        boxes: Mapping[str, str],
    ) -> Told:
        """Take what another peer, or the developer, sends; return what is here now.

        Raises NotFound where this peer has no assignment of the deal, Forbidden, InvalidSignature,
        InvalidInput.
        """
        if boxes and not hosted.assignments:
            raise NotFound(f"this peer has no part in deal {hosted.deal.id} any more")
        known = self.hear(hosted, version, document)
        hosted.secrets.take_boxes(boxes)
        return Told(known, hosted.secrets.missing)

    async def _follow_up(self, hosted: SecretDeal, endpoint: str, url: str, told: Told) -> bool:
        store = hosted.secrets
        if told.version != store.version or not told.missing:
            return told.version >= store.version
        names = store.can_give(told.missing)
        if not names:
            return False
        for key in await self._find_keys(hosted.deal.id, endpoint):
            boxes = {name: seal_secret(store.open_packed(name), key) for name in names}
            told = await self._put(url, write_copy(store) | {"boxes": boxes})
            extra = {"deal": hosted.deal.id, "endpoint": endpoint, "secrets": len(boxes)}
            logger.info("secrets sealed to another peer", extra=extra)
        return not told.missing


class AssignedPeers:
    """Looks on the chain which peers have a deal now."""

    def __init__(self, listener: Listener, lens: MarketLens) -> None:
        self._listener = listener
        self._lens = lens

    def find_keys(self, deal: int, endpoint: str) -> list[bytes]:
        """Return the keys of the peers at an endpoint with a live assignment. Blocks.

        Raises errors of the chain.
        """
        at = {
            number: raw(fact.key)
            for number, fact in self._listener.list_peers()
            if same_endpoint(fact.endpoint, endpoint)
        }
        held = self._listener.find_assignments(deal)
        ids = sorted(number for number, peer in held.items() if peer in at)
        views = self._lens.assignments(ids) if ids else []
        live = {
            view.peer
            for view in views
            if view.deal == deal and view.alive and view.state in LIVE_STATES
        }
        return [at[peer] for peer in sorted(live) if peer in at]
