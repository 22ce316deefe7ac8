"""A peer's document under its Ed25519 key: who said what is in it, and of which market."""

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wasmarket.kernel.addresses import raw
from wasmarket.kernel.errors import BadContent, Expired, InvalidInput, InvalidSignature
from wasmarket.kernel.selection.peer_document import (
    PeerDocument,
    dump_peer_document,
    parse_peer_document,
)
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Hash

PREFIX = b"wasmarket peer document v1"
SIGNATURE_BYTES = 64


def sign_peer_document(key: Ed25519PrivateKey, document: PeerDocument) -> tuple[bytes, bytes]:
    """Return the canonical bytes of a document and the key's signature over them."""
    content = dump_peer_document(document)
    return content, key.sign(PREFIX + content)


def open_peer_document(
    content: bytes, signature: bytes, *, key: Hash, peer: int, domain: Domain, now: int
) -> PeerDocument:
    """Return a document that `key` signed for this peer of this market and that holds at `now`.

    Raises InvalidSignature, BadContent for another's or none, Expired.
    """
    try:
        Ed25519PublicKey.from_public_bytes(raw(key)).verify(signature, PREFIX + content)
    except (BadSignature, ValueError) as error:
        raise InvalidSignature("the peer's key did not sign this document") from error
    try:
        document = parse_peer_document(content)
    except InvalidInput as error:
        raise BadContent(f"this is not a peer's document: {error.detail}") from error
    if (document.chain_id, document.market) != (domain.chain_id, domain.contract):
        raise BadContent("the document is of another market")
    if document.peer != peer:
        raise BadContent(f"the document is of peer {document.peer}")
    if document.expires <= now:
        raise Expired(f"the document held until {document.expires}, it is {now}")
    return document
