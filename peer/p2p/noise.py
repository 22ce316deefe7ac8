"""Noise XX as libp2p has it: 25519, ChaChaPoly, SHA-256; the responder's side.

Source of every step: The Noise Protocol Framework, revision 34, section 5, and libp2p's
specification of its handshake payload. Primitives are those of `cryptography`.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from peer.p2p.byte_streams import BadPeer, ByteStream
from peer.p2p.protobuf import Fields, read_message, write_message
from wasmarket.kernel.documents.particles import KEY_BYTES, to_peer_id

NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
SIGNED_PREFIX = b"noise-libp2p-static-key:"
TAG_BYTES = 16
MOST_PLAIN = 65_535 - TAG_BYTES
MOST_NONCE = 2**64 - 1
ED25519 = 1
IDENTITY_KEY, IDENTITY_SIGNATURE = 1, 2
KEY_TYPE, KEY_DATA = 1, 2


class CipherState:
    """A key with its counter; each nonce is used once."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._nonce = 0

    def encrypt(self, plain: bytes, associated: bytes = b"") -> bytes:
        """Encrypt the next message."""
        return self._cipher.encrypt(self._next(), plain, associated)

    def decrypt(self, sealed: bytes, associated: bytes = b"") -> bytes:
        """Decrypt the next message. Raises BadPeer if it was not made with this key."""
        try:
            return self._cipher.decrypt(self._next(), sealed, associated)
        except InvalidTag as error:
            raise BadPeer("a message that does not decrypt") from error

    def _next(self) -> bytes:
        if self._nonce >= MOST_NONCE:
            raise BadPeer("the connection has lived too long")
        nonce = bytes(4) + self._nonce.to_bytes(8, "little")
        self._nonce += 1
        return nonce


class SymmetricState:
    """What both sides have hashed and mixed so far."""

    def __init__(self) -> None:
        # The name has exactly the length of a hash, so that it stands for itself.
        self._chain = self._hash = NAME
        self._cipher: CipherState | None = None
        self.mix_hash(b"")

    def mix_hash(self, data: bytes) -> None:
        """Add what was sent or received."""
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_key(self, shared: bytes) -> None:
        """Add a shared secret."""
        self._chain, key = self._derive(shared)
        self._cipher = CipherState(key)

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt and hash."""
        sealed = plain if self._cipher is None else self._cipher.encrypt(plain, self._hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        """Decrypt and hash. Raises BadPeer."""
        plain = sealed if self._cipher is None else self._cipher.decrypt(sealed, self._hash)
        self.mix_hash(sealed)
        return plain

    def split(self) -> tuple[CipherState, CipherState]:
        """Return the ciphers of the initiator's messages and of the responder's."""
        first, second = self._derive(b"")
        return CipherState(first), CipherState(second)

    def _derive(self, material: bytes) -> tuple[bytes, bytes]:
        secret = hmac.digest(self._chain, material, "sha256")
        first = hmac.digest(secret, b"\x01", "sha256")
        return first, hmac.digest(secret, first + b"\x02", "sha256")


class NoiseStream:
    """A stream whose bytes are encrypted; at most 65,535 bytes a message."""

    def __init__(self, inner: ByteStream, sending: CipherState, receiving: CipherState) -> None:
        self._inner = inner
        self._sending = sending
        self._receiving = receiving
        self._read = bytearray()
        self._turn = asyncio.Lock()

    async def read(self, count: int) -> bytes:
        """Return exactly so many bytes. Raises EOFError, BadPeer."""
        while len(self._read) < count:
            size = int.from_bytes(await self._inner.read(2), "big")
            if size < TAG_BYTES:
                raise BadPeer("a message without a tag")
            self._read += self._receiving.decrypt(await self._inner.read(size))
        taken = bytes(self._read[:count])
        del self._read[:count]
        return taken

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        # Encrypted in the order in which they are sent: the counter is part of the nonce.
        async with self._turn:
            parts = []
            for start in range(0, len(data), MOST_PLAIN):
                sealed = self._sending.encrypt(data[start : start + MOST_PLAIN])
                parts.append(len(sealed).to_bytes(2, "big") + sealed)
            await self._inner.write(b"".join(parts))


async def secure(stream: ByteStream, identity: Ed25519PrivateKey) -> tuple[NoiseStream, str]:
    """Answer a handshake; return the encrypted stream and the other side's peer id.

    Raises BadPeer, EOFError.
    """
    state = SymmetricState()
    static, ephemeral = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    first = await _read_handshake(stream, least=KEY_BYTES)
    their_ephemeral = first[:KEY_BYTES]
    state.mix_hash(their_ephemeral)
    state.decrypt(first[KEY_BYTES:])
    own = ephemeral.public_key().public_bytes_raw()
    state.mix_hash(own)
    state.mix_key(_exchange(ephemeral, their_ephemeral))
    sealed_static = state.encrypt(static.public_key().public_bytes_raw())
    state.mix_key(_exchange(static, their_ephemeral))
    payload = state.encrypt(_build_payload(identity, static))
    await _write_handshake(stream, own + sealed_static + payload)
    third = await _read_handshake(stream, least=KEY_BYTES + TAG_BYTES)
    their_static = state.decrypt(third[: KEY_BYTES + TAG_BYTES])
    state.mix_key(_exchange(ephemeral, their_static))
    peer_id = _check_payload(state.decrypt(third[KEY_BYTES + TAG_BYTES :]), their_static)
    receiving, sending = state.split()
    return NoiseStream(stream, sending, receiving), peer_id


def write_public_key(key: bytes) -> bytes:
    """Return an Ed25519 public key as libp2p sends it."""
    return write_message({KEY_TYPE: [ED25519], KEY_DATA: [key]})


async def _read_handshake(stream: ByteStream, least: int) -> bytes:
    size = int.from_bytes(await stream.read(2), "big")
    if size < least:
        raise BadPeer("a handshake message that is too short")
    return await stream.read(size)


async def _write_handshake(stream: ByteStream, message: bytes) -> None:
    await stream.write(len(message).to_bytes(2, "big") + message)


def _exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise BadPeer("a key of low order") from error


def _build_payload(identity: Ed25519PrivateKey, static: X25519PrivateKey) -> bytes:
    signature = identity.sign(SIGNED_PREFIX + static.public_key().public_bytes_raw())
    key = write_public_key(identity.public_key().public_bytes_raw())
    return write_message({IDENTITY_KEY: [key], IDENTITY_SIGNATURE: [signature]})


def _check_payload(payload: bytes, their_static: bytes) -> str:
    fields = read_message(payload)
    key_fields = read_message(_only_bytes(fields, IDENTITY_KEY))
    key = _only_bytes(key_fields, KEY_DATA)
    if key_fields.get(KEY_TYPE) != [ED25519] or len(key) != KEY_BYTES:
        raise BadPeer("an identity that is no Ed25519 key")
    signature = _only_bytes(fields, IDENTITY_SIGNATURE)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, SIGNED_PREFIX + their_static)
    except (InvalidSignature, ValueError) as error:
        raise BadPeer("its identity did not sign its key") from error
    return to_peer_id(key)


def _only_bytes(fields: Mapping[int, Fields], number: int) -> bytes:
    found = fields.get(number, [])
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise BadPeer(f"a payload without field {number}")
    return found[0]
