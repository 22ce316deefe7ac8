"""Take documents that a developer signed, from anybody who has them."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from peer.access import MAX_DOCUMENT
from peer.api.numbers import DealNumber
from peer.documents.gossip import MAX_VERSION, Told
from peer.documents.sharing import DocumentSharing
from peer.hosting.host import Host
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.developer_documents import DeveloperDocument
from wasmarket.kernel.signing.secrets import MAX_SECRET_BYTES, MAX_SECRETS
from wasmarket.serving.bodies import read_body

MAX_COPY = 2 * MAX_DOCUMENT
"""Bytes of a copy: a document, its quotes escaped, and what is around it."""
MAX_BOX = 2 * MAX_SECRET_BYTES
"""Letters of a box: base64 of a value, 32 random bytes and 48 of the seal."""


class Document(BaseModel):
    """The request by which the developer set a document, as it was signed."""

    target: str = Field(max_length=512)
    body: str = Field(max_length=MAX_DOCUMENT)
    authorization: str = Field(max_length=512)


def view_document(signed: DeveloperDocument | None) -> Document | None:
    """Return a document as peers and developers see it."""
    if signed is None:
        return None
    return Document(target=signed.target, body=signed.body, authorization=signed.authorization)


class Copy(BaseModel):
    """The version that the sender has, and its proof if it has one."""

    version: Annotated[int, Field(ge=0, le=MAX_VERSION)]
    document: Document | None = None

    @property
    def signed(self) -> DeveloperDocument | None:
        """The developer's request."""
        given = self.document
        if given is None:
            return None
        return DeveloperDocument(given.target, given.body, given.authorization)


class SecretCopy(Copy):
    """Beside the list of secrets, some of them sealed to this peer, in base64."""

    boxes: Annotated[
        dict[str, Annotated[str, Field(max_length=MAX_BOX)]], Field(max_length=MAX_SECRETS)
    ] = {}


class CopyTaken(BaseModel):
    """The version that this peer has now."""

    version: int


class SecretsTaken(CopyTaken):
    """Also the names of secrets that nobody has sealed to this peer yet."""

    missing: list[str]


CopyT = TypeVar("CopyT", bound=Copy)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version"],
    "properties": {
        "version": {"type": "integer", "minimum": 0, "maximum": MAX_VERSION},
        "document": {"anyOf": [Document.model_json_schema(), {"type": "null"}]},
    },
}
"""Of `Copy`: the body is read by hand, since anybody may send one, of any size."""
BOXES = {"type": "object", "additionalProperties": {"type": "string", "maxLength": MAX_BOX}}
SECRET_SCHEMA = SCHEMA | {"properties": SCHEMA["properties"] | {"boxes": BOXES}}


def create_document_router(host: Host, sharing: DocumentSharing) -> APIRouter:
    """Return the routes by which peers agree on documents that the developer signed."""
    router = APIRouter(prefix="/v1/deals/{deal}", tags=["notices"])

    @router.put("/access/copy", openapi_extra=_describe(SCHEMA))
    async def take_access(deal: DealNumber, request: Request) -> CopyTaken:
        """Take another peer's access document if it is the developer's and newer."""
        hosted, copy = host.find(deal), await _read(request, Copy)
        return CopyTaken(version=sharing.access.hear(hosted, copy.version, copy.signed))

    @router.put("/triggers/paused/copy", openapi_extra=_describe(SCHEMA))
    async def take_pauses(deal: DealNumber, request: Request) -> CopyTaken:
        """Take which triggers are paused, if the developer says so and it is newer."""
        hosted, copy = host.find(deal), await _read(request, Copy)
        return CopyTaken(version=sharing.pauses.hear(hosted, copy.version, copy.signed))

    @router.put("/secrets/copy", openapi_extra=_describe(SECRET_SCHEMA))
    async def take_secrets(deal: DealNumber, request: Request) -> SecretsTaken:
        """Take the list of a deal's secrets if it is the developer's and newer, and what is sealed
        to this peer."""
        hosted, copy = host.find(deal), await _read(request, SecretCopy)
        told: Told = sharing.secrets.take(hosted, copy.version, copy.signed, copy.boxes)
        return SecretsTaken(version=told.version, missing=told.missing)

    return router


def _describe(schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


async def _read(request: Request, kind: type[CopyT]) -> CopyT:
    try:
        return kind.model_validate_json(await read_body(request, MAX_COPY))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidInput(f"{where}: {first['msg']}", field=where) from error
