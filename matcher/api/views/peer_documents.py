"""JSON of what peers say of themselves."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from wasmarket.kernel.selection.peer_document import PeerDocument, to_json
from wasmarket.store.matching.peers.documents import StoredDocument


class SiteJson(BaseModel):
    """A data center; `source` is where its operator says so, empty for one that a peer describes.
    `country` and `area` are empty for an id of a newer list than this matcher's."""

    id: str
    name: str
    city: str
    country: str
    area: str
    source: str


class HardwareJson(BaseModel):
    """A machine as its provider names it; 0 and empty: not said."""

    cpu: str
    cores: int
    memory_mib: int
    storage_gib: int
    network_mbps: int


class ClaimJson(BaseModel):
    """What a provider says and nobody here has checked."""

    kind: str
    text: str
    url: str


class DocumentSummary(BaseModel):
    """What a peer says of itself. `speed`: 10^6 fuel per second and unit by its own benchmark, 0:
    not measured. It holds until `expires`; the signed document is at `/v1/peers/{peer}/document`.
    """

    site: SiteJson | None
    hardware: HardwareJson
    claims: list[ClaimJson]
    speed: int
    issued: int
    expires: int

    @classmethod
    def build(cls, document: PeerDocument) -> "DocumentSummary":
        """Render a document."""
        site = document.site
        return cls(
            site=None if site is None else SiteJson(**asdict(site)),
            hardware=HardwareJson(**asdict(document.hardware)),
            claims=[ClaimJson(**asdict(claim)) for claim in document.claims],
            speed=document.speed,
            issued=document.issued,
            expires=document.expires,
        )


class PeerDocumentJson(BaseModel):
    """A peer's document and the signature of `key`: Ed25519 over `wasmarket peer document v1` and
    the canonical JSON (RFC 8785) of `document`."""

    peer: int
    key: str
    document: dict[str, Any]
    signature: str

    @classmethod
    def build(cls, told: StoredDocument) -> "PeerDocumentJson":
        """Render a signed document."""
        return cls(
            peer=told.peer,
            key=told.key,
            document=to_json(told.document),
            signature=told.signature,
        )
