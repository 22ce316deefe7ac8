"""Show what this peer says of itself, signed by its key."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from peer.own_document import SignedPeerDocument
from wasmarket.kernel.selection.peer_document import to_json
from wasmarket.serving.peers.documents import PATH

ReadDocument = Callable[[], SignedPeerDocument]
"""Returns the document as it is now. Raises NotFound, Unreachable."""


class SignedDocumentView(BaseModel):
    """`signature` is the peer key's (Ed25519) over `wasmarket peer document v1` and the canonical
    JSON (RFC 8785) of `document`."""

    document: dict[str, Any]
    signature: str


def create_peer_document_router(read: ReadDocument) -> APIRouter:
    """Return the route of the peer's own document."""
    router = APIRouter(tags=["service"])

    @router.get(PATH)
    def read_peer_document() -> SignedDocumentView:
        """Data center, hardware, claims and speed of this peer, signed; claims are only claims."""
        signed = read()
        return SignedDocumentView(
            document=to_json(signed.document), signature="0x" + signed.signature.hex()
        )

    return router
