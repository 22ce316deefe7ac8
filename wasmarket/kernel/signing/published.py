"""The bytes of a published offer (`Market.publish`): compact, canonical, at most 909 of 1,024.

One tag byte (1 provider offer, 2 developer offer), then the members in the order of the signed
struct, without padding:

- uint256: one length byte 0 … 32 and the big-endian digits without leading zeros (zero: length 0);
- address: 20 bytes; bytes32: 32 bytes;
- address[]: one count byte 0 … 16 and 20 bytes each.

Each offer has one encoding and nothing may follow it, so equal bytes are equal offers. The bytes
prove nothing: whoever reads them compares the offer's hash with the one that was published.
"""

from dataclasses import fields
from typing import Any

from wasmarket.kernel.addresses import raw, to_address, to_hash
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.signing.offers import MAX_PROVIDERS, DeveloperOffer, Offer, ProviderOffer

MAX_PUBLISHED = 1_024
"""Most bytes that `Market.publish` takes."""

_TAGS: dict[int, type[ProviderOffer] | type[DeveloperOffer]] = {1: ProviderOffer, 2: DeveloperOffer}
_ADDRESS_BYTES = 20
_WORD_BYTES = 32
_FIXED = {
    "developer": _ADDRESS_BYTES,
    "matcher": _ADDRESS_BYTES,
    "meter": _ADDRESS_BYTES,
    "app": _WORD_BYTES,
}


def encode_published(offer: Offer) -> bytes:
    """Return the bytes to publish beside an offer's hash."""
    tag = next(tag for tag, kind in _TAGS.items() if isinstance(offer, kind))
    parts = [bytes([tag])]
    for member in fields(offer):
        value = getattr(offer, member.name)
        if member.name in _FIXED:
            parts.append(raw(value))
        elif member.name == "providers":
            parts.append(bytes([len(value)]))
            parts.extend(raw(entry) for entry in value)
        else:
            digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
            parts.append(bytes([len(digits)]) + digits)
    return b"".join(parts)


def decode_published(data: bytes) -> Offer:
    """Read an offer back. Raises InvalidInput for anything but one offer's only encoding."""
    reader = _Reader(data)
    kind = _TAGS.get(reader.byte())
    if kind is None:
        raise InvalidInput("the published bytes are of no known kind", field="data")
    members: dict[str, Any] = {f.name: reader.member(f.name) for f in fields(kind)}
    reader.finish()
    return kind(**members)


class _Reader:
    """Takes bytes from the front and refuses to run out of them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def member(self, name: str) -> object:
        if name == "providers":
            count = self.byte()
            if count > MAX_PROVIDERS:
                raise InvalidInput(f"more than {MAX_PROVIDERS} providers are listed", field="data")
            return tuple(to_address(self.take(_ADDRESS_BYTES)) for _ in range(count))
        size = _FIXED.get(name)
        if size is not None:
            part = self.take(size)
            return to_address(part) if size == _ADDRESS_BYTES else to_hash(part)
        return self.number()

    def number(self) -> int:
        digits = self.take(self.byte())
        if len(digits) > _WORD_BYTES or digits[:1] == b"\0":
            raise InvalidInput("a number is not in its shortest form", field="data")
        return int.from_bytes(digits, "big")

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) != count:
            raise InvalidInput("the published bytes end too early", field="data")
        self._at += count
        return part

    def finish(self) -> None:
        if self._at != len(self._data):
            raise InvalidInput("the published bytes go on after the offer", field="data")
