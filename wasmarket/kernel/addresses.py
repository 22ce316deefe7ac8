"""Parse and write account addresses (EIP-55) and 32-byte hashes."""

import re
from functools import lru_cache

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.shown import shown
from wasmarket.kernel.units import Address, Hash

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")

ZERO_ADDRESS = Address("0x" + "0" * 40)
ZERO_HASH = Hash("0x" + "0" * 64)
ADDRESSES_KEPT = 16_384
"""A market names the same people again and again; the checksum is the slow part of reading them."""


@lru_cache(ADDRESSES_KEPT)
def to_address(raw: bytes) -> Address:
    """Write 20 bytes as an EIP-55 address."""
    digits = raw.hex()
    mask = keccak(digits.encode("ascii")).hex()
    pairs = zip(digits, mask, strict=False)
    return Address("0x" + "".join(d.upper() if int(m, 16) >= 8 else d for d, m in pairs))


def parse_address(text: str, *, field: str | None = None) -> Address:
    """Return the EIP-55 form of `text`; mixed-case input must carry the right checksum.

    Raises InvalidInput.
    """
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not an address", field=field, remedy="give 0x and 40 hex digits"
        )
    address = to_address(bytes.fromhex(text[2:]))
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and text != address:
        raise InvalidInput(
            f"{text} has a wrong checksum",
            field=field,
            remedy="check for a typing error, or write it all lower-case",
        )
    return address


def to_hash(raw: bytes) -> Hash:
    """Write 32 bytes as a Hash. Raises InvalidInput for any other length."""
    if len(raw) != 32:
        raise InvalidInput(f"a hash has 32 bytes, this has {len(raw)}")
    return Hash("0x" + raw.hex())


def parse_hash(text: str, *, field: str | None = None) -> Hash:
    """Return the lower-case form of 32 bytes in hex. Raises InvalidInput."""
    if not isinstance(text, str) or not _HASH.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not a 32-byte hash", field=field, remedy="give 0x and 64 hex digits"
        )
    return Hash(text.lower())


def raw(value: Address | Hash) -> bytes:
    """Return the bytes of an address (20) or a hash (32)."""
    return bytes.fromhex(value[2:])
