"""Sign the newest receipt of a chain with the peer's key, and check such signatures."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from peer.receipts.chain_file import Head
from wasmarket.kernel.addresses import raw
from wasmarket.kernel.errors import InvalidSignature
from wasmarket.kernel.units import Hash

PREFIX = b"wasmarket receipt head v1"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head and the peer's Ed25519 signature (64 bytes) of it."""

    peer: int
    assignment: int
    head: Head
    signature: bytes

    def to_header(self) -> str:
        """Write it as `assignment:sequence:sha256:signature`, the last two in hex."""
        head = self.head
        return f"{self.assignment}:{head.sequence}:{head.hash.hex()}:{self.signature.hex()}"


def head_message(peer: int, assignment: int, head: Head) -> bytes:
    """Return what is signed: the prefix, then peer, assignment, sequence, hash, 32 bytes each."""
    numbers = (peer, assignment, head.sequence)
    return PREFIX + b"".join(number.to_bytes(32, "big") for number in numbers) + head.hash


def sign_head(key: Ed25519PrivateKey, peer: int, assignment: int, head: Head) -> SignedHead:
    """Sign a head that has a receipt."""
    signature = key.sign(head_message(peer, assignment, head))
    return SignedHead(peer, assignment, head, signature)


def verify_head(signed: SignedHead, key: Hash) -> None:
    """Raise InvalidSignature unless the peer with the public key `key` signed the head."""
    message = head_message(signed.peer, signed.assignment, signed.head)
    try:
        Ed25519PublicKey.from_public_bytes(raw(key)).verify(signed.signature, message)
    except BadSignature as error:
        raise InvalidSignature("the peer's key did not sign this head") from error
