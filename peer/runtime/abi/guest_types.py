"""The types that Marine functions speak, and how each lies in a guest's memory."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from peer.runtime.wasm.sections import CoreType


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
class Field:
    """A named part of a record, or a parameter of a function."""

    name: str
    type: "GuestType"


@dataclass(frozen=True, slots=True, eq=False)
class RecordType:
    """Named fields in order; compared by identity, since nesting makes deep comparison costly."""

    name: str
    fields: tuple[Field, ...]


GuestType = Basic | ArrayType | RecordType


@dataclass(frozen=True, slots=True)
class Signature:
    """A typed function; Marine functions have no output or one."""

    name: str
    parameters: tuple[Field, ...]
    outputs: tuple[GuestType, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """What a module's `interface-types` section declares; imports by (namespace, name)."""

    version: str
    functions: dict[str, Signature]
    imports: dict[tuple[str, str], Signature] = field(default_factory=dict)


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
    if isinstance(guest_type, RecordType):
        return guest_type.name
    return guest_type.value


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


def describe_interface(interface: Interface) -> dict[str, object]:
    """Return the typed signatures as JSON-able values: functions and the records they use."""
    records: dict[str, RecordType] = {}
    for signature in interface.functions.values():
        for guest_type in (*(p.type for p in signature.parameters), *signature.outputs):
            _collect_records(guest_type, records)
    return {
        "functions": [
            {
                "name": signature.name,
                "arguments": [_describe_field(p) for p in signature.parameters],
                "output": describe_type(signature.outputs[0]) if signature.outputs else None,
            }
            for signature in interface.functions.values()
        ],
        "records": [
            {"name": record.name, "fields": [_describe_field(part) for part in record.fields]}
            for record in records.values()
        ],
    }


def _describe_field(part: Field) -> dict[str, str]:
    return {"name": part.name, "type": describe_type(part.type)}


def _collect_records(guest_type: GuestType, found: dict[str, RecordType]) -> None:
    if isinstance(guest_type, ArrayType):
        _collect_records(guest_type.element, found)
    elif isinstance(guest_type, RecordType) and guest_type.name not in found:
        found[guest_type.name] = guest_type
        for part in guest_type.fields:
            _collect_records(part.type, found)
