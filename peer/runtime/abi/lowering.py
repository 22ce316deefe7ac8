"""Generate, from a type, the code that moves its values into and out of a guest's memory.

Memory is little endian and packed. A string, byte array or array is a pair (pointer, length), a
record a pointer; nested values are the same inside. Every read is bounds-checked and counted
against the answer's budget by the guest handle, so a guest cannot make the host copy without end.
"""

import struct
from collections.abc import Callable
from typing import Any, Protocol

from peer.runtime.abi.guest_types import (
    BYTE_TAG,
    PAIR_SIZE,
    POINTER_SIZE,
    POINTER_TAG,
    SCALARS,
    ArrayType,
    Basic,
    GuestType,
    NamedType,
    RecordType,
    get_size,
    once_per_record,
)
from peer.runtime.errors import GuestTrap

PAIR = struct.Struct("<II")
POINTER = struct.Struct("<I")


class GuestHandle(Protocol):
    """What lowering and lifting need of a running guest."""

    def read(self, pointer: int, size: int) -> bytes:
        """Copy a range out; raise `GuestTrap` outside memory, `GuestOutput` over the budget."""

    def place(self, data: bytes, tag: int) -> int:
        """Allocate room in the guest, copy `data` there and return its address."""


# Inline code turns one value into the bytes that stand for it inside a record or array, and back.
Pack = Callable[[GuestHandle, Any], bytes]
Unpack = Callable[[GuestHandle, bytes], Any]
# A sequence is what lies behind a pair: data is placed, or a range is read.
PlaceSequence = Callable[[GuestHandle, Any], tuple[int, int]]
ReadSequence = Callable[[GuestHandle, int, int], Any]
Lower = Callable[[GuestHandle, Any], tuple[Any, ...]]


def compile_lower(guest_type: GuestType) -> Lower:
    """Return a function that turns a value into the core arguments that carry it."""
    if isinstance(guest_type, RecordType):
        place_record = _compile_place_record(guest_type)
        return lambda guest, value: (place_record(guest, value),)
    if isinstance(guest_type, Basic) and guest_type in SCALARS:
        return lambda guest, value: (value,)
    return _compile_place(guest_type)


def compile_read_sequence(guest_type: GuestType) -> ReadSequence:
    """Return a function that reads a string, byte array or array at (pointer, length)."""
    if guest_type is Basic.STRING:
        return _read_string
    if guest_type is Basic.BYTES:
        return lambda guest, pointer, size: guest.read(pointer, size)
    if isinstance(guest_type, ArrayType):
        return _compile_read_array(guest_type.element)
    raise TypeError(f"{guest_type} is no sequence")


@once_per_record
def compile_read_record(record: RecordType) -> Callable[[GuestHandle, int], Any]:
    """Return a function that reads a record at a pointer, as a dict."""
    parts = []
    offset = 0
    for part in record.fields:
        size = get_size(part.type)
        parts.append((part.name, offset, offset + size, _compile_unpack(part.type)))
        offset += size
    total = offset

    def read(guest: GuestHandle, pointer: int) -> Any:
        raw = guest.read(pointer, total)
        return {name: unpack(guest, raw[start:end]) for name, start, end, unpack in parts}

    return read


def _read_string(guest: GuestHandle, pointer: int, size: int) -> Any:
    try:
        return guest.read(pointer, size).decode()
    except UnicodeDecodeError as error:
        raise GuestTrap("the function answered a string that is not UTF-8") from error


def _compile_place(guest_type: GuestType) -> PlaceSequence:
    if isinstance(guest_type, ArrayType):
        return _compile_place_array(guest_type.element)
    if guest_type is Basic.STRING:
        return lambda guest, value: _place_bytes(guest, value.encode())
    return _place_bytes


def _place_bytes(guest: GuestHandle, data: bytes) -> tuple[int, int]:
    return guest.place(data, BYTE_TAG), len(data)


def _compile_place_array(element: GuestType) -> PlaceSequence:
    if isinstance(element, Basic) and element in SCALARS:
        layout = SCALARS[element]

        def place_scalars(guest: GuestHandle, value: Any) -> tuple[int, int]:
            count = len(value)
            data = struct.pack(f"<{count}{layout.code}", *value)
            return guest.place(data, layout.tag), count

        return place_scalars
    pack = _compile_pack(element)

    def place(guest: GuestHandle, value: Any) -> tuple[int, int]:
        parts = [pack(guest, item) for item in value]
        return guest.place(b"".join(parts), POINTER_TAG), len(parts)

    return place


@once_per_record
def _compile_place_record(record: RecordType) -> Callable[[GuestHandle, Any], int]:
    parts: list[tuple[NamedType, Pack]] = [
        (part, _compile_pack(part.type)) for part in record.fields
    ]

    def place(guest: GuestHandle, value: Any) -> int:
        data = b"".join(pack(guest, value[part.name]) for part, pack in parts)
        return guest.place(data, BYTE_TAG)

    return place


def _compile_pack(guest_type: GuestType) -> Pack:
    if isinstance(guest_type, RecordType):
        place_record = _compile_place_record(guest_type)
        return lambda guest, value: POINTER.pack(place_record(guest, value))
    if isinstance(guest_type, Basic) and guest_type in SCALARS:
        scalar = struct.Struct("<" + SCALARS[guest_type].code)
        return lambda guest, value: scalar.pack(value)
    place = _compile_place(guest_type)
    return lambda guest, value: PAIR.pack(*place(guest, value))


def _compile_unpack(guest_type: GuestType) -> Unpack:
    if isinstance(guest_type, RecordType):
        read_record = compile_read_record(guest_type)
        return lambda guest, raw: read_record(guest, POINTER.unpack(raw)[0])
    if guest_type is Basic.BOOL:
        return lambda guest, raw: raw != b"\0"
    if isinstance(guest_type, Basic) and guest_type in SCALARS:
        scalar = struct.Struct("<" + SCALARS[guest_type].code)
        return lambda guest, raw: scalar.unpack(raw)[0]
    read = compile_read_sequence(guest_type)
    return lambda guest, raw: read(guest, *PAIR.unpack(raw))


def _compile_read_array(element: GuestType) -> ReadSequence:
    if isinstance(element, Basic) and element in SCALARS:
        layout = SCALARS[element]
        if element is Basic.BOOL:
            return lambda guest, pointer, count: [b != 0 for b in guest.read(pointer, count)]
        return lambda guest, pointer, count: list(
            struct.unpack(f"<{count}{layout.code}", guest.read(pointer, count * layout.size))
        )
    unpack = _compile_unpack(element)
    step = POINTER_SIZE if isinstance(element, RecordType) else PAIR_SIZE

    def read(guest: GuestHandle, pointer: int, count: int) -> Any:
        raw = guest.read(pointer, count * step)
        return [unpack(guest, raw[at : at + step]) for at in range(0, len(raw), step)]

    return read
