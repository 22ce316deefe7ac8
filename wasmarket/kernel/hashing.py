"""The two hash functions: keccak-256 for what the contracts see, SHA-256 for content."""

import hashlib

from Crypto.Hash import keccak as _keccak


def keccak(data: bytes) -> bytes:
    """Return keccak-256 of `data`, 32 bytes."""
    return _keccak.new(digest_bits=256, data=data).digest()


def sha256(data: bytes) -> bytes:
    """Return SHA-256 of `data`, 32 bytes."""
    return hashlib.sha256(data).digest()
