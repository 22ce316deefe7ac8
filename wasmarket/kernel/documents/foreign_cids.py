"""Read content ids as all IPFS tools write them; what we write ourselves has one form (`Cid`)."""

from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.documents.content_ids import CODECS, DAG_PB, Cid, decode_cid
from wasmarket.kernel.documents.varints import decode_varint, encode_varint
from wasmarket.kernel.errors import BadContent, InvalidInput
from wasmarket.kernel.multibase import decode_base58, decode_multibase, encode_multibase

MAX_INLINE_BYTES: Final = 128
"""More does not go into an id: those who want to hide a block in one shall publish it."""
_VERSION: Final = 1
_IDENTITY: Final = 0
_V0: Final = bytes((0x12, 0x20))
V0_BYTES: Final = 34
_V0_DIGITS: Final = 46
_V0_LETTERS: Final = "Qm"
_ADVICE: Final = "give a CIDv0, or a CIDv1 of a raw or dag-pb block with sha2-256, without padding"


@dataclass(frozen=True, slots=True)
class InlineCid:
    """An id that holds its block's bytes instead of their hash (multihash `identity`)."""

    codec: int
    data: bytes

    def __bytes__(self) -> bytes:
        """Return its binary form."""
        head = bytes((_VERSION, self.codec, _IDENTITY))
        return head + encode_varint(len(self.data)) + self.data

    def __str__(self) -> str:
        """Return its text in base32."""
        return encode_multibase("b", bytes(self))


AnyCid = Cid | InlineCid


@dataclass(frozen=True, slots=True)
class SpelledCid:
    """An id, and how it was spelled: what is sent back must be found under what was asked for."""

    cid: AnyCid
    data: bytes
    """The binary form: 34 bytes for a CIDv0."""
    text: str


def decode_any_cid(data: bytes) -> AnyCid:
    """Read a binary id of version 0 or 1. Raises InvalidInput for what is neither."""
    if is_version_0(data):
        return Cid(DAG_PB, data[len(_V0) :])
    try:
        version, at = decode_varint(data, 0)
        codec, at = decode_varint(data, at)
        function, at = decode_varint(data, at)
        if version != _VERSION or codec not in CODECS or function != _IDENTITY:
            return decode_cid(data)
        size, at = decode_varint(data, at)
    except BadContent as error:
        raise InvalidInput(f"it is no CID: {error.detail}", remedy=_ADVICE) from error
    if size > MAX_INLINE_BYTES or len(data) - at != size:
        raise InvalidInput(
            f"an id holds {len(data) - at} bytes, says {size} and may hold {MAX_INLINE_BYTES}",
            remedy=_ADVICE,
        )
    return InlineCid(codec, data[at:])


def read_any_cid(text: str, *, field: str | None = None) -> SpelledCid:
    """Read an id in any base, in that base's one spelling. Raises InvalidInput."""
    try:
        if len(text) == _V0_DIGITS and text.startswith(_V0_LETTERS):
            data = decode_base58(text)
        else:
            data = decode_multibase(text)
            if is_version_0(data):
                raise InvalidInput("a CIDv0 is written without the letter of a base")
        return SpelledCid(decode_any_cid(data), data, text)
    except InvalidInput as error:
        raise InvalidInput(
            f"{text[:80]!r} is not a CID that is read here: {error.detail}",
            field=field,
            remedy=error.remedy or _ADVICE,
        ) from error


def is_version_0(data: bytes) -> bool:
    """Tell whether a binary id is a CIDv0: a bare multihash of a dag-pb block."""
    return len(data) == V0_BYTES and data.startswith(_V0)
