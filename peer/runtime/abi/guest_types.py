"""The types that functions speak, and how those of Marine lie in a guest's memory.

Marine knows basic types, arrays and records; components have options, results, tuples, variants and
flags as well, which never lie in memory here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from peer.runtime.wasm.sections import CoreType

Made = TypeVar("Made")


class Basic(StrEnum):
    """Types without parts."""

    S8 = "s8"
    S16 = "s16"
    S32 = "s32"
    S64 = "s64"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    F32 = "f32"
    F64 = "f64"
    BOOL = "bool"
    I32 = "i32"
    I64 = "i64"
    STRING = "string"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A list of values of one type."""

    element: "GuestType"


@dataclass(frozen=True, slots=True)
class NamedType:
    """A named part of a record, or a parameter of a function."""

    name: str
    type: "GuestType"


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class RecordType:
    """Named fields in order; compared by identity, since nesting makes deep comparison costly."""

    name: str
    fields: tuple[NamedType, ...]


@dataclass(frozen=True, slots=True)
class OptionType:
    """A value or none."""

    element: "GuestType"


@dataclass(frozen=True, slots=True)
class ResultType:
    """How something ended: well or not, each with a value or without."""

    ok: "GuestType | None"
    error: "GuestType | None"


@dataclass(frozen=True, slots=True)
class TupleType:
    """So many values, each of its own type."""

    parts: "tuple[GuestType, ...]"


@dataclass(frozen=True, slots=True)
class VariantCase:
    """One of a variant's cases, with a value or without."""

    name: str
    type: "GuestType | None"


@dataclass(frozen=True, slots=True, eq=False)
class VariantType:
    """One of several cases; those of an enumeration have no values."""

    name: str
    cases: tuple[VariantCase, ...]
    is_enumeration: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FlagsType:
    """Names, each of which is there or not."""

    name: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CharType:
    """One character."""


MarineType = Basic | ArrayType | RecordType
WitType = OptionType | ResultType | TupleType | VariantType | FlagsType | CharType
GuestType = MarineType | WitType


def once_per_record(make: Callable[[RecordType], Made]) -> Callable[[RecordType], Made]:
    """Keep what `make` returns for as long as its record lives.

    A record may use another one in many places: a few hundred bytes describe a value of thousands
    of parts, and what is made of a type must cost what its description does.
    """
    kept: WeakKeyDictionary[RecordType, Made] = WeakKeyDictionary()

    @wraps(make)
    def find(record: RecordType) -> Made:
        if record not in kept:
            kept[record] = make(record)
        return kept[record]

    return find


@dataclass(frozen=True, slots=True)
class Extent:
    """How deeply a type nests, and of how many parts it is made when written out in full."""

    depth: int = 0
    parts: int = 1


def measure_type(guest_type: GuestType) -> Extent:
    """Return the extent of a type of Marine's; those of components are bounded as they are read."""
    arrays = 0
    while isinstance(guest_type, ArrayType):
        guest_type = guest_type.element
        arrays += 1
    inner = measure_record(guest_type) if isinstance(guest_type, RecordType) else Extent()
    return Extent(arrays + inner.depth, arrays + inner.parts)


@once_per_record
def measure_record(record: RecordType) -> Extent:
    """Return the extent of a record."""
    inner = [measure_type(part.type) for part in record.fields]
    return Extent(
        1 + max((extent.depth for extent in inner), default=0),
        1 + sum(extent.parts for extent in inner),
    )


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """A typed function; Marine functions have no output or one."""

    name: str
    parameters: tuple[NamedType, ...]
    outputs: tuple[GuestType, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """What a module's `interface-types` section declares; imports by (namespace, name).

    `host_records` are the records of the names in `HOST_RECORDS`, for functions of the host: real
    modules do not declare those, only what they give.
    """

    version: str
    functions: dict[str, FunctionSignature]
    imports: dict[tuple[str, str], FunctionSignature] = field(default_factory=dict)
    host_records: dict[str, RecordType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a scalar lies in memory: struct code, size in bytes, allocation tag, core type."""

    code: str
    size: int
    tag: int
    core: CoreType


SCALARS: Final[dict[Basic, Layout]] = {
    Basic.BOOL: Layout("B", 1, 0, CoreType.I32),
    Basic.U8: Layout("B", 1, 1, CoreType.I32),
    Basic.U16: Layout("H", 2, 2, CoreType.I32),
    Basic.U32: Layout("I", 4, 3, CoreType.I32),
    Basic.U64: Layout("Q", 8, 4, CoreType.I64),
    Basic.S8: Layout("b", 1, 5, CoreType.I32),
    Basic.S16: Layout("h", 2, 6, CoreType.I32),
    Basic.S32: Layout("i", 4, 7, CoreType.I32),
    Basic.S64: Layout("q", 8, 8, CoreType.I64),
    Basic.F32: Layout("f", 4, 9, CoreType.F32),
    Basic.F64: Layout("d", 8, 10, CoreType.F64),
    Basic.I32: Layout("i", 4, 7, CoreType.I32),
    Basic.I64: Layout("q", 8, 8, CoreType.I64),
}
CALL_PARAMETERS: Final = "CallParameters"
BINARY_RESULT: Final = "MountedBinaryResult"
BINARY_STRING_RESULT: Final = "MountedBinaryStringResult"
HOST_RECORDS: Final = (CALL_PARAMETERS, BINARY_RESULT, BINARY_STRING_RESULT)
BYTE_TAG: Final = SCALARS[Basic.U8].tag
POINTER_TAG: Final = SCALARS[Basic.U32].tag
POINTER_SIZE: Final = 4
PAIR_SIZE: Final = 8
INTEGER_RANGES: Final[dict[Basic, tuple[int, int]]] = {
    basic: (0, (1 << 8 * layout.size) - 1)
    if layout.code.isupper()
    else (-(1 << 8 * layout.size - 1), (1 << 8 * layout.size - 1) - 1)
    for basic, layout in SCALARS.items()
    if basic is not Basic.BOOL and layout.code not in "fd"
}


def describe_type(guest_type: GuestType) -> str:
    """Name a type as people write it: `u32`, `[string]`, `Point`."""
    if isinstance(guest_type, ArrayType):
        return f"[{describe_type(guest_type.element)}]"
    if isinstance(guest_type, RecordType | VariantType | FlagsType):
        return guest_type.name
    if isinstance(guest_type, Basic):
        return guest_type.value
    return _describe_wit(guest_type)


def _describe_wit(guest_type: "OptionType | ResultType | TupleType | CharType") -> str:
    if isinstance(guest_type, CharType):
        return "char"
    if isinstance(guest_type, OptionType):
        return f"option<{describe_type(guest_type.element)}>"
    if isinstance(guest_type, TupleType):
        return f"tuple<{', '.join(map(describe_type, guest_type.parts))}>"
    ok, error = ("_" if part is None else describe_type(part) for part in get_parts(guest_type))
    return f"result<{ok}, {error}>"


def get_parts(guest_type: GuestType) -> "tuple[GuestType | None, ...]":
    """Return the types that a type is made of, None where a case or an end has no value."""
    if isinstance(guest_type, ArrayType | OptionType):
        return (guest_type.element,)
    if isinstance(guest_type, RecordType):
        return tuple(part.type for part in guest_type.fields)
    if isinstance(guest_type, TupleType):
        return guest_type.parts
    if isinstance(guest_type, ResultType):
        return (guest_type.ok, guest_type.error)
    if isinstance(guest_type, VariantType):
        return tuple(case.type for case in guest_type.cases)
    return ()


def get_size(guest_type: GuestType) -> int:
    """Return the bytes that a value takes inside a record or an array."""
    if isinstance(guest_type, RecordType):
        return POINTER_SIZE
    if isinstance(guest_type, ArrayType) or guest_type not in SCALARS:
        return PAIR_SIZE
    return SCALARS[guest_type].size


def flatten_type(guest_type: GuestType) -> tuple[CoreType, ...]:
    """Return the core parameters that carry a value of this type."""
    if isinstance(guest_type, RecordType):
        return (CoreType.I32,)
    if isinstance(guest_type, ArrayType) or guest_type not in SCALARS:
        return (CoreType.I32, CoreType.I32)
    return (SCALARS[guest_type].core,)


def is_same_in_memory(one: GuestType, other: GuestType) -> bool:
    """Tell whether values of two types lie in memory in the same way.

    Names do not count, nor how SDKs of different age spell a type: `bytes` is `[u8]`, `i32` is
    `s32`.
    """
    alike: set[tuple[RecordType, RecordType]] = set()

    def compare(a: GuestType, b: GuestType) -> bool:
        if isinstance(a, RecordType) and isinstance(b, RecordType):
            if (a, b) in alike or len(a.fields) != len(b.fields):
                return (a, b) in alike
            pairs = zip(a.fields, b.fields, strict=True)
            if all(compare(x.type, y.type) for x, y in pairs):
                alike.add((a, b))
            return (a, b) in alike
        if isinstance(a, RecordType) or isinstance(b, RecordType):
            return False
        inner_a, inner_b = _get_element(a), _get_element(b)
        if inner_a is None or inner_b is None:
            return inner_a is inner_b and _get_shape(a) == _get_shape(b)
        return compare(inner_a, inner_b)

    return compare(one, other)


def _get_element(guest_type: GuestType) -> GuestType | None:
    """Return what a sequence is made of, None for what is none."""
    if isinstance(guest_type, ArrayType):
        return guest_type.element
    return Basic.U8 if guest_type in (Basic.STRING, Basic.BYTES) else None


def _get_shape(scalar: GuestType) -> tuple[int, CoreType] | None:
    layout = SCALARS.get(scalar) if isinstance(scalar, Basic) else None
    return None if layout is None else (layout.size, layout.core)
