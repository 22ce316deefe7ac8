"""Particles: scripts in flight between peers, as Fluence peers write them, and ids of peers.

A frame is `81 04` (the multicodec of MessagePack, as a varint) and a map. The signature is of the
initiator's Ed25519 key over `id ‖ timestamp u64 LE ‖ ttl u32 LE ‖ script`; times in milliseconds.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.multibase import decode_base58, encode_base58

MSGPACK_CODE: Final = b"\x81\x04"
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MOST_ID: Final = 128
"""Characters of a particle's id."""
_ED25519: Final = bytes.fromhex("002408011220")
_KNOWN_IDS: Final = 4_096


@lru_cache(_KNOWN_IDS)
def to_peer_id(key: bytes) -> str:
    """Return libp2p's name of an Ed25519 public key: base58btc of its identity multihash."""
    return encode_base58(_ED25519 + key)


@lru_cache(_KNOWN_IDS)
def parse_peer_id(text: str) -> bytes:
    """Return the Ed25519 public key that a peer id names. Raises InvalidInput."""
    data = decode_base58(text)
    if len(data) != len(_ED25519) + KEY_BYTES or not data.startswith(_ED25519):
        raise InvalidInput(
            f"{text[:80]!r} is no peer id",
            remedy="give the id of an Ed25519 key; it begins with 12D3KooW",
        )
    return data[len(_ED25519) :]


@dataclass(frozen=True, slots=True)
class Particle:
    """A script on its way. `timestamp` and `ttl` in milliseconds; `data` is AquaVM's."""

    id: str
    init_peer_id: str
    timestamp: int
    ttl: int
    script: str
    signature: bytes
    data: bytes = b""

    @property
    def expires(self) -> int:
        """Return from when on nobody runs it any more, in milliseconds since 1970."""
        return self.timestamp + self.ttl

    def with_data(self, data: bytes) -> "Particle":
        """Return the same particle further on its way."""
        return replace(self, data=data)


_Bytes = bytes | list[Annotated[int, msgspec.Meta(ge=0, le=255)]]


class _Frame(msgspec.Struct):
    """npm js-client writes byte arrays as lists of numbers, and reads them as bytes only."""

    action: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_ID)]
    init_peer_id: Annotated[str, msgspec.Meta(max_length=MOST_ID)]
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    ttl: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
    script: str
    signature: _Bytes
    data: _Bytes


_DECODER: Final = msgspec.msgpack.Decoder(_Frame)


def decode_particle(frame: bytes) -> Particle:
    """Read a frame. Raises InvalidInput; the signature is not checked here."""
    if frame[:2] != MSGPACK_CODE:
        raise InvalidInput(
            "the body is no particle: it does not begin with 81 04",
            remedy="send MessagePack behind its multicodec",
        )
    try:
        found = _DECODER.decode(memoryview(frame)[2:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the body is no particle: {error}") from error
    if found.action != "Particle":
        raise InvalidInput(f"the action is {found.action[:40]!r}, not 'Particle'")
    signature = bytes(found.signature)
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInput(f"the signature has {len(signature)} bytes, not {SIGNATURE_BYTES}")
    parse_peer_id(found.init_peer_id)
    return Particle(
        found.id,
        found.init_peer_id,
        found.timestamp,
        found.ttl,
        found.script,
        signature,
        bytes(found.data),
    )


def encode_particle(particle: Particle) -> bytes:
    """Write a frame that npm js-client and our peers read."""
    return MSGPACK_CODE + msgspec.msgpack.encode(
        {
            "action": "Particle",
            "id": particle.id,
            "init_peer_id": particle.init_peer_id,
            "timestamp": particle.timestamp,
            "ttl": particle.ttl,
            "script": particle.script,
            "signature": particle.signature,
            "data": particle.data,
        }
    )


def signed_part(particle: Particle) -> bytes:
    """Return what the initiator signs. Raises InvalidInput for text that is no UTF-8."""
    try:
        id_, script = particle.id.encode(), particle.script.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("id or script hold half a surrogate") from error
    return b"".join(
        (id_, particle.timestamp.to_bytes(8, "little"), particle.ttl.to_bytes(4, "little"), script)
    )
