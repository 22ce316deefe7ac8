"""Write and read CAR files, version 1: the ids of the roots, then blocks, each with its id.

Ids are written as they are given, so that who looks for a CIDv0 finds it, and read in all forms.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import SupportsBytes

from wasmarket.kernel.documents.content_ids import (
    CID_BYTES,
    MAX_BLOCK_BYTES,
    Cid,
    check_block,
)
from wasmarket.kernel.documents.foreign_cids import (
    MAX_INLINE_BYTES,
    V0_BYTES,
    AnyCid,
    InlineCid,
    decode_any_cid,
    is_version_0,
)
from wasmarket.kernel.documents.varints import decode_varint, encode_varint
from wasmarket.kernel.errors import BadContent, InvalidInput, TooLarge

MEDIA_TYPE = "application/vnd.ipld.car"
MAX_ROOTS = 1_000
MAX_CAR_BLOCKS = 1_000_000

_VERSION_2 = b"\xa1gversion\x02"
_HEAD = b"\xa2eroots"
_VERSION_1 = b"gversion\x01"
_LINK = b"\xd8\x2a"
"""CBOR tag 42; a byte string follows, of a zero byte and the binary id."""
_MAX_ID_BYTES = 8 + MAX_INLINE_BYTES
_SHORT = 24


@dataclass(frozen=True, slots=True)
class Car:
    """A CAR file: what it is about, and its blocks in order, but for those that ids hold."""

    roots: tuple[AnyCid, ...]
    blocks: tuple[tuple[Cid, bytes], ...]


def write_car(
    roots: Iterable[SupportsBytes], blocks: Iterable[tuple[SupportsBytes, bytes]]
) -> Iterator[bytes]:
    """Yield the bytes of a CAR file, one piece for the header and one for each block."""
    ids = [bytes(root) for root in roots]
    header = _HEAD + _array_head(len(ids))
    header += b"".join(_LINK + _bytes_head(1 + len(cid)) + b"\0" + cid for cid in ids)
    header += _VERSION_1
    yield encode_varint(len(header)) + header
    for cid, block in blocks:
        name = bytes(cid)
        yield encode_varint(len(name) + len(block)) + name + block


def read_car(
    data: bytes, max_block: int = MAX_BLOCK_BYTES, max_blocks: int = MAX_CAR_BLOCKS
) -> Car:
    """Read a CAR file and check the hash of every block, each at most `max_block` bytes.

    Raises BadContent, TooLarge for more than `max_blocks`, those that ids hold among them.
    """
    header, at = _section(data, 0, len(data))
    roots = _read_header(header)
    blocks: list[tuple[Cid, bytes]] = []
    sections = 0
    while at < len(data):
        # Blocks in ids count too: six bytes each, they would be half a minute of work in 64 MiB.
        if sections == max_blocks:
            raise TooLarge(f"the CAR has more than {max_blocks} blocks", remedy="send several")
        sections += 1
        section, at = _section(data, at, _MAX_ID_BYTES + max_block)
        try:
            cid, size = _read_id(section)
        except InvalidInput as error:
            raise BadContent(
                f"a block of the CAR has an id we do not read: {error}", remedy=error.remedy
            ) from error
        block = section[size:]
        if isinstance(cid, InlineCid):
            if cid.data != block:
                raise BadContent(f"{len(block)} bytes were given as {cid}, which holds others")
            continue
        if len(block) > max_block:
            raise BadContent(f"a block of the CAR has {len(block)} bytes, {max_block} are allowed")
        check_block(cid, block)
        blocks.append((cid, block))
    return Car(roots, tuple(blocks))


def _section(data: bytes, at: int, limit: int) -> tuple[bytes, int]:
    size, start = decode_varint(data, at)
    if size > limit:
        raise BadContent(f"a section of the CAR has {size} bytes, {limit} are allowed")
    if start + size > len(data):
        raise BadContent("the CAR is cut short", remedy="send it again")
    return data[start : start + size], start + size


def _read_id(section: bytes) -> tuple[AnyCid, int]:
    """Return the id at the front of a section, and its bytes. Raises InvalidInput, BadContent."""
    if is_version_0(section[:V0_BYTES]):
        return decode_any_cid(section[:V0_BYTES]), V0_BYTES
    if len(section) > 2 and section[2] == 0:
        size, at = decode_varint(section, 3)
        return decode_any_cid(section[: at + size]), at + size
    return decode_any_cid(section[:CID_BYTES]), CID_BYTES


def _read_header(header: bytes) -> tuple[AnyCid, ...]:
    if header == _VERSION_2:
        raise BadContent("the CAR has version 2", remedy="write it as version 1")
    if not header.startswith(_HEAD):
        raise _bad_header()
    count, start = _read_array_head(header[len(_HEAD) :])
    at = len(_HEAD) + start
    roots = []
    for _ in range(count):
        size, begins = _read_link_head(header, at)
        at = begins + size
        try:
            roots.append(decode_any_cid(header[begins:at]))
        except InvalidInput as error:
            raise _bad_header() from error
    if header[at:] != _VERSION_1:
        raise _bad_header()
    return tuple(roots)


def _read_link_head(header: bytes, at: int) -> tuple[int, int]:
    """Return the bytes of a root's id and where it begins."""
    for wide in (False, True):
        begins = at + len(_LINK) + (3 if wide else 2)
        size = header[begins - 2] if begins <= len(header) else 0
        size -= 1 if wide else 0x41
        if size >= 0 and header[at:begins] == _LINK + _bytes_head(1 + size) + b"\0":
            return size, begins
    raise _bad_header()


def _bytes_head(size: int) -> bytes:
    """Return how CBOR begins a byte string of less than 256 bytes."""
    return bytes((0x40 | size,)) if size < _SHORT else bytes((0x58, size))


def _array_head(count: int) -> bytes:
    if count > MAX_ROOTS:
        raise InvalidInput(f"a CAR has at most {MAX_ROOTS} roots, these are {count}")
    if count < 24:
        return bytes((0x80 | count,))
    return bytes((0x98, count)) if count < 256 else b"\x99" + count.to_bytes(2, "big")


def _read_array_head(data: bytes) -> tuple[int, int]:
    for size in (1, 2, 3):
        count = int.from_bytes(data[1:size], "big") if size > 1 else data[0] & 0x1F if data else 0
        if count <= MAX_ROOTS and _array_head(count) == data[:size]:
            return count, size
    raise _bad_header()


def _bad_header() -> BadContent:
    return BadContent(
        "the CAR's header is not one of version 1 with ids of ours",
        remedy="write it with dag-cbor header {roots, version: 1}",
    )
