"""Which peer answers at an endpoint: its Ed25519 key signs a challenge of whoever asks."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wasmarket.kernel.addresses import raw, to_hash
from wasmarket.kernel.errors import InvalidSignature
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Hash

PREFIX = b"wasmarket peer identity v1"
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who answered a challenge; `peer` 0: its key is not registered as far as it knows."""

    peer: int
    key: Hash
    challenge: Hash
    signature: bytes


def identity_message(domain: Domain, peer: int, challenge: Hash) -> bytes:
    """Return what is signed: the prefix, chain id, Market, peer and challenge, 32 bytes each."""
    market = raw(domain.contract).rjust(32, b"\0")
    numbers = domain.chain_id.to_bytes(32, "big"), peer.to_bytes(32, "big")
    return PREFIX + numbers[0] + market + numbers[1] + raw(challenge)


def sign_identity(
    key: Ed25519PrivateKey, domain: Domain, peer: int, challenge: Hash
) -> PeerIdentity:
    """Answer a challenge as a peer of the market of `domain`."""
    signature = key.sign(identity_message(domain, peer, challenge))
    return PeerIdentity(peer, to_hash(key.public_key().public_bytes_raw()), challenge, signature)


def verify_identity(identity: PeerIdentity, domain: Domain) -> None:
    """Raise InvalidSignature unless the key that is named signed the answer."""
    message = identity_message(domain, identity.peer, identity.challenge)
    try:
        Ed25519PublicKey.from_public_bytes(raw(identity.key)).verify(identity.signature, message)
    except (BadSignature, ValueError) as error:
        raise InvalidSignature("the key did not sign this challenge") from error
