"""Take in what peers say of themselves, from the endpoints that the chain names.

A peer's document is fetched after it has proved its key, with the same bounds. One that is not the
peer's, is of another place than the chain says, or is no document changes nothing: the one before
counts until it expires. A peer that says nothing any more takes back what it said.
"""

import logging
from collections.abc import Sequence

import httpx

from wasmarket.kernel.errors import BadContent, MarketError, NotFound
from wasmarket.kernel.regions import region_code
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.serving.peers.documents import OpenedDocument, fetch_peer_document
from wasmarket.store.chain.peers import fetch_peers
from wasmarket.store.database import Session
from wasmarket.store.matching.peer_checks import PeerCheck
from wasmarket.store.matching.peers.documents import (
    StoredDocument,
    remove_peer_documents,
    save_peer_documents,
)

logger = logging.getLogger(__name__)

Told = OpenedDocument | MarketError
"""What a peer said of itself, or why that does not count: NotFound if it says nothing."""


async def ask_document(
    http: httpx.AsyncClient, check: PeerCheck, domain: Domain, seconds: float, chain_time: int
) -> Told:
    """Return what a peer says of itself, or what is wrong with it."""
    try:
        return await fetch_peer_document(
            http,
            check.endpoint,
            domain,
            seconds,
            key=check.key,
            peer=check.peer,
            now=chain_time,
        )
    except MarketError as error:
        return error


def keep_documents(session: Session, told: Sequence[tuple[PeerCheck, Told]]) -> int:
    """Keep what holds of what peers said; return how many documents that changed."""
    regions = {
        peer.id: peer.region
        for peer in fetch_peers(session, ids=[check.peer for check, _ in told], limit=None)
    }
    found: list[StoredDocument] = []
    silent: list[int] = []
    for check, answer in told:
        if isinstance(answer, NotFound):
            silent.append(check.peer)
            continue
        try:
            if isinstance(answer, MarketError):
                raise answer
            check_place(answer, regions[check.peer])
        except MarketError as error:
            logger.info(
                "a peer's document does not count",
                extra={"peer": check.peer, "detail": error.detail},
            )
            continue
        found.append(
            StoredDocument(
                check.peer,
                answer.document,
                answer.content,
                "0x" + answer.signature.hex(),
                check.key,
                answer.document.expires,
            )
        )
    return save_peer_documents(session, found) + remove_peer_documents(session, silent)


def check_place(opened: OpenedDocument, region: int) -> None:
    """Raise BadContent for a site in another country than the peer is registered in."""
    site = opened.document.site
    if site is not None and site.country and site.country != region_code(region):
        raise BadContent(
            f"its site {site.id} is in {site.country}, it is registered in {region_code(region)}"
        )
