"""Sign particles, and prove which worker identities are a peer's."""

from dataclasses import replace

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wasmarket.kernel.addresses import raw
from wasmarket.kernel.documents.particles import Particle, parse_peer_id, signed_part
from wasmarket.kernel.errors import InvalidSignature
from wasmarket.kernel.signing.typed_data import Domain

WORKER_PREFIX = b"wasmarket worker identity v1"


def sign_particle(particle: Particle, key: Ed25519PrivateKey) -> Particle:
    """Return the particle with its initiator's signature."""
    return replace(particle, signature=key.sign(signed_part(particle)))


def verify_particle(particle: Particle) -> None:
    """Raise InvalidSignature unless the initiator signed it."""
    _verify(
        parse_peer_id(particle.init_peer_id),
        particle.signature,
        signed_part(particle),
        f"{particle.init_peer_id} did not sign particle {particle.id[:40]}",
    )


def worker_message(domain: Domain, peer: int, deal: int, assignment: int, worker: bytes) -> bytes:
    """Return what a peer signs of a worker: the prefix, chain id, Market, peer, deal, assignment
    and the worker's public key, 32 bytes each."""
    market = raw(domain.contract).rjust(32, b"\0")
    numbers = [number.to_bytes(32, "big") for number in (domain.chain_id, peer, deal, assignment)]
    return WORKER_PREFIX + numbers[0] + market + b"".join(numbers[1:]) + worker


def verify_worker(key: bytes, signature: bytes, message: bytes) -> None:
    """Raise InvalidSignature unless the peer of the public key `key` vouches for a worker."""
    _verify(key, signature, message, "the peer's key did not sign this worker")


def _verify(key: bytes, signature: bytes, message: bytes, detail: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (BadSignature, ValueError) as error:
        raise InvalidSignature(detail) from error
