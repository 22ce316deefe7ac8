"""Write Apache Parquet files (format version 1, plain values, no compression).

A writer of our own: the libraries weigh more than all of Wasmarket together, and flat tables of
numbers, texts and truth values need a page of it. Sources: Parquet's `parquet.thrift`, its
`Encodings.md` (PLAIN, RLE of definition levels) and Thrift's compact protocol.
"""

import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

MAGIC = b"PAR1"
ROWS_IN_GROUP = 50_000
"""Rows that are kept in memory and written together."""

BOOLEAN, INT64, BYTE_ARRAY = 0, 2, 6
_TYPES: Final = {"number": INT64, "yes or no": BOOLEAN}
"""By kind of column; all else is text."""

OPTIONAL, PLAIN, RLE, UNCOMPRESSED, UTF8, DATA_PAGE = 1, 0, 3, 0, 0, 0
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
"""Types of Thrift's compact protocol."""


class ParquetWriter:
    """Writes rows of flat columns that may be null; the end of its context writes the footer."""

    def __init__(self, file: BinaryIO, columns: Sequence[tuple[str, str]]) -> None:
        """`columns`: name and kind ("number": 64 bits, "yes or no", any other: text)."""
        self._file = file
        self._columns = [(name, _TYPES.get(kind, BYTE_ARRAY)) for name, kind in columns]
        self._rows: list[Sequence[Any]] = []
        self._groups: list[bytes] = []
        self._count = 0
        self._at = 0
        self._put(MAGIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._end()

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        self._rows += rows
        if len(self._rows) >= ROWS_IN_GROUP:
            self._flush()

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)

    def _flush(self) -> None:
        """Write the rows that are kept as one group."""
        if not self._rows:
            return
        chunks, size = [], 0
        for place, (name, kind) in enumerate(self._columns):
            start = self._at
            body = _page([row[place] for row in self._rows], kind)
            head = _struct(
                (1, _I32, DATA_PAGE),
                (2, _I32, len(body)),
                (3, _I32, len(body)),
                (
                    5,
                    _STRUCT,
                    _struct(
                        (1, _I32, len(self._rows)), (2, _I32, PLAIN), (3, _I32, RLE), (4, _I32, RLE)
                    ),
                ),
            )
            self._put(head + body)
            length = self._at - start
            size += length
            meta = _struct(
                (1, _I32, kind),
                (2, _LIST, _list(_I32, [_zigzag(PLAIN), _zigzag(RLE)])),
                (3, _LIST, _list(_BINARY, [_binary(name.encode())])),
                (4, _I32, UNCOMPRESSED),
                (5, _I64, len(self._rows)),
                (6, _I64, length),
                (7, _I64, length),
                (9, _I64, start),
            )
            chunks.append(_struct((2, _I64, start), (3, _STRUCT, meta)))
        self._groups.append(
            _struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, size), (3, _I64, len(self._rows)))
        )
        self._count += len(self._rows)
        self._rows = []

    def _end(self) -> None:
        self._flush()
        root = _struct((4, _BINARY, _binary(b"schema")), (5, _I32, len(self._columns)))
        leaves = []
        for name, kind in self._columns:
            members: list[tuple[int, int, Any]] = [
                (1, _I32, kind),
                (3, _I32, OPTIONAL),
                (4, _BINARY, _binary(name.encode())),
            ]
            if kind == BYTE_ARRAY:
                members.append((6, _I32, UTF8))
            leaves.append(_struct(*members))
        footer = _struct(
            (1, _I32, 1),
            (2, _LIST, _list(_STRUCT, [root, *leaves])),
            (3, _I64, self._count),
            (4, _LIST, _list(_STRUCT, self._groups)),
            (6, _BINARY, _binary(b"wasmarket")),
        )
        self._put(footer + struct.pack("<I", len(footer)) + MAGIC)


def _page(values: Sequence[Any], kind: int) -> bytes:
    """Return the data of a page: which values are there, then these values."""
    present = [value for value in values if value is not None]
    levels = _bit_packed([value is not None for value in values])
    if kind == INT64:
        body = struct.pack(f"<{len(present)}q", *present)
    elif kind == BOOLEAN:
        body = _bits([bool(value) for value in present])
    else:
        texts = [str(value).encode() for value in present]
        body = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack("<I", len(levels)) + levels + body


def _bit_packed(flags: Sequence[bool]) -> bytes:
    """Return definition levels of one bit as a bit-packed run of RLE."""
    groups = (len(flags) + 7) // 8
    return _varint(groups << 1 | 1) + _bits(flags)


def _bits(flags: Sequence[bool]) -> bytes:
    """Return flags as bits, the first lowest."""
    text = "".join("1" if flag else "0" for flag in reversed(flags))
    return int(text or "0", 2).to_bytes((len(flags) + 7) // 8, "little")


def _struct(*members: tuple[int, int, Any]) -> bytes:
    """Write a struct of Thrift: members as (field, type, value), fields ascending."""
    parts, last = [], 0
    for field, kind, value in members:
        parts.append(bytes([(field - last) << 4 | kind]))
        parts.append(_zigzag(value) if kind in (_I32, _I64) else value)
        last = field
    return b"".join(parts) + b"\0"


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    short = len(items) < 15
    head = bytes([len(items) << 4 | kind]) if short else bytes([0xF0 | kind]) + _varint(len(items))
    return head + b"".join(items)


def _binary(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
