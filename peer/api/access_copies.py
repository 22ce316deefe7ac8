"""Take access documents from other peers of a deal."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from peer.access import MAX_VERSION, SignedAccess
from peer.api.numbers import DealNumber
from peer.hosting.access_gossip import AccessGossip
from peer.hosting.host import Host
from serving.auth import MAX_SIGNED_BODY


class Document(BaseModel):
    """The request by which the developer set a document, as it was signed."""

    target: str = Field(max_length=512)
    body: str = Field(max_length=MAX_SIGNED_BODY)
    authorization: str = Field(max_length=512)


class Copy(BaseModel):
    """The version that the sender has, and its proof if it has one."""

    version: Annotated[int, Field(ge=0, le=MAX_VERSION)]
    document: Document | None = None


class CopyTaken(BaseModel):
    """The version that this peer has now."""

    version: int


def create_access_copy_router(host: Host, gossip: AccessGossip) -> APIRouter:
    """Return the route by which peers agree on a document that the developer signed."""
    router = APIRouter(tags=["notices"])

    @router.put("/v1/deals/{deal}/access/copy")
    async def take_copy(deal: DealNumber, copy: Copy) -> CopyTaken:
        """Take another peer's document if it is the developer's and newer."""
        given = copy.document
        signed = SignedAccess(given.target, given.body, given.authorization) if given else None
        return CopyTaken(version=gossip.hear(host.find(deal), copy.version, signed))

    return router
