"""Secrets of a deal: sealed to its peers' identity keys, promised by a document of the developer.

A box holds 32 random bytes and the value, sealed (libsodium's sealed box) to the X25519 form of a
peer's Ed25519 key. The document that the developer signs has the sha256 of what is in the box, so
whoever opens one knows that it is the developer's, wherever it came from, and who does not learns
nothing of the value.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import nacl.exceptions
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.shown import shown

MAX_SECRETS: Final = 64
MAX_SECRET_BYTES: Final = 4 << 10
MAX_VERSION: Final = 2**53 - 1
SALT_BYTES: Final = 32
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
A_NAME: Final = "1 to 64 letters, digits, `_`, `-` or `.`"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SecretList:
    """Which secrets a deal has: by name the hash of what a box holds; the highest version wins."""

    version: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)


def parse_secret_list(document: Any) -> SecretList:
    """Read a document. Raises InvalidInput with the field."""
    fields = JsonFields(document)
    listed = SecretList(
        version=fields.integer("version", 1, MAX_VERSION),
        digests=fields.texts("secrets", (NAME, A_NAME), (_DIGEST, "64 lower-case hex digits")),
    )
    fields.finish()
    if len(listed.digests) > MAX_SECRETS:
        raise InvalidInput(
            f"a deal has at most {MAX_SECRETS} secrets, not {len(listed.digests)}",
            field="secrets",
            remedy="remove one with `wasmarket secret rm`",
        )
    return listed


def dump_secret_list(listed: SecretList) -> dict[str, Any]:
    """Return a document as JSON values."""
    return {"version": listed.version, "secrets": dict(sorted(listed.digests.items()))}


def pack_secret(value: bytes) -> bytes:
    """Return what boxes of a value hold, with new random bytes. Raises InvalidInput."""
    if len(value) > MAX_SECRET_BYTES:
        raise InvalidInput(
            f"the value has {len(value)} bytes",
            field="value",
            remedy=f"a secret has at most {MAX_SECRET_BYTES}; seal a key and encrypt the rest",
        )
    return os.urandom(SALT_BYTES) + value


def hash_packed(packed: bytes) -> str:
    """Return what the document says of a packed secret."""
    return sha256(packed).hex()


def seal_secret(packed: bytes, key: bytes) -> str:
    """Return a box for the peer whose public Ed25519 key this is, in base64.

    Raises InvalidInput for a key that is none: nobody could open the box.
    """
    try:
        public: PublicKey = VerifyKey(key).to_curve25519_public_key()
        box = SealedBox(public).encrypt(packed)
    except (nacl.exceptions.CryptoError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"0x{key.hex()} is no Ed25519 key, so its peer could not open a secret",
            field="key",
            remedy="drop the peer: it has registered a key that it cannot have",
        ) from error
    return base64.b64encode(box).decode()


class SecretOpener:
    """Opens boxes that are sealed to one peer."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is that of the peer's Ed25519 key."""
        private: PrivateKey = SigningKey(seed).to_curve25519_private_key()
        self._box = SealedBox(private)

    def open(self, box: str, digest: str) -> bytes:
        """Return the packed secret. Raises InvalidInput unless it is sealed to us and promised."""
        try:
            packed: bytes = self._box.decrypt(base64.b64decode(box, validate=True))
        except (nacl.exceptions.CryptoError, binascii.Error, ValueError, TypeError) as error:
            raise InvalidInput(
                f"the box {shown(box[:12])} is not sealed to this peer", field="boxes"
            ) from error
        if len(packed) < SALT_BYTES or hash_packed(packed) != digest:
            raise InvalidInput("a box holds something else than was signed", field="boxes")
        return packed


def unpack_secret(packed: bytes) -> bytes:
    """Return the value of a packed secret."""
    return packed[SALT_BYTES:]
