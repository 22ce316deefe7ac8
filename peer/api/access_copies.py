"""Take access documents from other peers of a deal."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from peer.access import MAX_DOCUMENT, MAX_VERSION, SignedAccess
from peer.api.numbers import DealNumber
from peer.hosting.access_gossip import AccessGossip
from peer.hosting.host import Host
from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.bodies import read_body

MAX_COPY = 2 * MAX_DOCUMENT
"""Bytes of a copy: a document, its quotes escaped, and what is around it."""


class Document(BaseModel):
    """The request by which the developer set a document, as it was signed."""

    target: str = Field(max_length=512)
    body: str = Field(max_length=MAX_DOCUMENT)
    authorization: str = Field(max_length=512)


class Copy(BaseModel):
    """The version that the sender has, and its proof if it has one."""

    version: Annotated[int, Field(ge=0, le=MAX_VERSION)]
    document: Document | None = None


class CopyTaken(BaseModel):
    """The version that this peer has now."""

    version: int


SCHEMA = {
    "type": "object",
    "required": ["version"],
    "properties": {
        "version": {"type": "integer", "minimum": 0, "maximum": MAX_VERSION},
        "document": {"anyOf": [Document.model_json_schema(), {"type": "null"}]},
    },
}
"""Of `Copy`: the body is read by hand, since anybody may send one, of any size."""


def create_access_copy_router(host: Host, gossip: AccessGossip) -> APIRouter:
    """Return the route by which peers agree on a document that the developer signed."""
    router = APIRouter(tags=["notices"])
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": SCHEMA}}}}

    @router.put("/v1/deals/{deal}/access/copy", openapi_extra=body)
    async def take_copy(deal: DealNumber, request: Request) -> CopyTaken:
        """Take another peer's document if it is the developer's and newer."""
        hosted = host.find(deal)
        try:
            copy = Copy.model_validate_json(await read_body(request, MAX_COPY))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise InvalidInput(f"{where}: {first['msg']}", field=where) from error
        given = copy.document
        signed = SignedAccess(given.target, given.body, given.authorization) if given else None
        return CopyTaken(version=gossip.hear(hosted, copy.version, signed))

    return router
