"""Let the peers of a deal agree on who may call."""

import logging
from typing import Protocol

from peer.access import AccessFile, verify_access
from peer.documents.gossip import DocumentGossip, SharedDeal
from wasmarket.kernel.signing.developer_documents import DeveloperDocument

logger = logging.getLogger(__name__)


class SharedAccess(SharedDeal, Protocol):
    """A deal whose peers agree on who may call."""

    @property
    def access(self) -> AccessFile:
        """The document that is here."""


class AccessGossip(DocumentGossip[SharedAccess]):
    """Tells and takes access documents. One that does not come lets nobody in until it does."""

    kind = "access"

    def find(self, hosted: SharedAccess) -> AccessFile:
        """Return a deal's document."""
        return hosted.access

    def adopt(self, hosted: SharedAccess, document: DeveloperDocument) -> bool:
        """Take a document if it wins. Raises Forbidden, InvalidSignature, InvalidInput."""
        deal = hosted.deal
        access = verify_access(document, deal.id, deal.developer, self._domain)
        return hosted.access.adopt(access, document)

    def give_up(self, hosted: SharedAccess) -> None:
        """Let nobody in."""
        logger.error("access is not known: closed", extra={"deal": hosted.deal.id})
        hosted.access.close_until_known()
