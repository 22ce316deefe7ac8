"""Write and read CAR files, version 1: the ids of the roots, then blocks, each with its id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wasmarket.kernel.documents.content_ids import (
    CID_BYTES,
    MAX_BLOCK_BYTES,
    Cid,
    check_block,
    decode_cid,
)
from wasmarket.kernel.errors import BadContent, InvalidInput
from wasmarket.kernel.varints import decode_varint, encode_varint

MEDIA_TYPE = "application/vnd.ipld.car"
MAX_ROOTS = 1_000

_VERSION_2 = b"\xa1gversion\x02"
_HEAD = b"\xa2eroots"
_VERSION_1 = b"gversion\x01"
_CID = b"\xd8\x2a\x58\x25\x00"
"""CBOR tag 42 and a byte string of 37: how dag-cbor spells the CIDs we read."""


@dataclass(frozen=True, slots=True)
class Car:
    """A CAR file: what it is about, and its blocks in order."""

    roots: tuple[Cid, ...]
    blocks: tuple[tuple[Cid, bytes], ...]


def write_car(roots: Iterable[Cid], blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[bytes]:
    """Yield the bytes of a CAR file, one piece for the header and one for each block."""
    ids = tuple(roots)
    header = _HEAD + _array_head(len(ids))
    header += b"".join(_CID + bytes(cid) for cid in ids) + _VERSION_1
    yield encode_varint(len(header)) + header
    for cid, block in blocks:
        yield encode_varint(CID_BYTES + len(block)) + bytes(cid) + block


def read_car(data: bytes, max_block: int = MAX_BLOCK_BYTES) -> Car:
    """Read a CAR file and check the hash of every block, each at most `max_block` bytes.

    Raises BadContent.
    """
    header, at = _section(data, 0, len(data))
    roots = _read_header(header)
    blocks = []
    while at < len(data):
        section, at = _section(data, at, CID_BYTES + max_block)
        try:
            cid = decode_cid(section[:CID_BYTES])
        except InvalidInput as error:
            raise BadContent(
                f"a block of the CAR has an id we do not read: {error}", remedy=error.remedy
            ) from error
        block = section[CID_BYTES:]
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


def _read_header(header: bytes) -> tuple[Cid, ...]:
    if header == _VERSION_2:
        raise BadContent("the CAR has version 2", remedy="write it as version 1")
    if not header.startswith(_HEAD):
        raise _bad_header()
    count, start = _read_array_head(header[len(_HEAD) :])
    body = header[len(_HEAD) + start :]
    roots = []
    for _ in range(count):
        if not body.startswith(_CID):
            raise _bad_header()
        try:
            roots.append(decode_cid(body[len(_CID) : len(_CID) + CID_BYTES]))
        except InvalidInput as error:
            raise _bad_header() from error
        body = body[len(_CID) + CID_BYTES :]
    if body != _VERSION_1:
        raise _bad_header()
    return tuple(roots)


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
