"""A client of the edge written for tests: it may do everything wrong."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from peer.p2p import multistream
from peer.p2p.byte_streams import ByteStream
from peer.p2p.noise import (
    IDENTITY_KEY,
    IDENTITY_SIGNATURE,
    SIGNED_PREFIX,
    NoiseStream,
    SymmetricState,
    write_public_key,
)
from peer.p2p.protobuf import write_message


async def dial(
    stream: ByteStream, key: Ed25519PrivateKey, *, signed_by: Ed25519PrivateKey | None = None
) -> NoiseStream:
    """Do the initiator's part of a handshake; `signed_by` signs it instead of `key`."""
    await multistream.propose(stream, "/noise")
    state = SymmetricState()
    static, ephemeral = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    state.mix_hash(own)
    state.mix_hash(b"")
    await _write(stream, own)
    answer = await _read(stream)
    theirs = answer[:32]
    state.mix_hash(theirs)
    state.mix_key(_exchange(ephemeral, theirs))
    their_static = state.decrypt(answer[32:80])
    state.mix_key(_exchange(ephemeral, their_static))
    state.decrypt(answer[80:])
    static_key = static.public_key().public_bytes_raw()
    sealed = state.encrypt(static_key)
    state.mix_key(_exchange(static, theirs))
    payload = {
        IDENTITY_KEY: [write_public_key(key.public_key().public_bytes_raw())],
        IDENTITY_SIGNATURE: [(signed_by or key).sign(SIGNED_PREFIX + static_key)],
    }
    await _write(stream, sealed + state.encrypt(write_message(payload)))
    sending, receiving = state.split()
    return NoiseStream(stream, sending, receiving)


def _exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    return private.exchange(X25519PublicKey.from_public_bytes(public))


async def _write(stream: ByteStream, message: bytes) -> None:
    await stream.write(len(message).to_bytes(2, "big") + message)


async def _read(stream: ByteStream) -> bytes:
    return await stream.read(int.from_bytes(await stream.read(2), "big"))
