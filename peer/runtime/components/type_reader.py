"""Read types as components write them: values, functions, and what instances export."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    CharType,
    FlagsType,
    GuestType,
    NamedType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    VariantCase,
    VariantType,
    get_parts,
)
from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader

MAX_TYPE_DEPTH: Final = 32
MAX_TYPE_PARTS: Final = 4_096
"""How deeply a type may nest; parts of a type or of a function's types, written out in full."""
MAX_MEMBERS: Final = 1_000
PRIMITIVES: Final[dict[int, GuestType]] = {
    0x7F: Basic.BOOL,
    0x7E: Basic.S8,
    0x7D: Basic.U8,
    0x7C: Basic.S16,
    0x7B: Basic.U16,
    0x7A: Basic.S32,
    0x79: Basic.U32,
    0x78: Basic.S64,
    0x77: Basic.U64,
    0x76: Basic.F32,
    0x75: Basic.F64,
    0x74: CharType(),
    0x73: Basic.STRING,
}
RECORD, VARIANT, LIST, TUPLE, FLAGS, ENUM = 0x72, 0x71, 0x70, 0x6F, 0x6E, 0x6D
OPTION, RESULT, OWN, BORROW, FIXED_LIST = 0x6B, 0x6A, 0x69, 0x68, 0x67
STREAM, FUTURE = 0x66, 0x65
FUNCTION: Final = 0x40


@dataclass(frozen=True, slots=True)
class Opaque:
    """What no caller can give or get here: a resource, a stream, an asynchronous function."""

    what: str


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Parameters and the result of a function; `problem` says why no caller can call it."""

    parameters: tuple[NamedType, ...]
    result: GuestType | None
    problem: str = ""
    parts: int = 0
    """Of how many parts its types are when written out in full."""


@dataclass(frozen=True, slots=True, eq=False)
class InstanceShape:
    """What an instance exports, by name."""

    exports: "dict[str, Entity]" = field(default_factory=dict)


ValueType = GuestType | Opaque
Entity = ValueType | FunctionType | InstanceShape
"""What a name or an index of a component stands for, as far as it matters here."""


def get_plain_name(name: str) -> str:
    """Return how a name of WIT is written here: `first-name` is `first_name`, as in most code."""
    return name.replace("-", "_")


def read_label(reader: ByteReader) -> str:
    """Read a name of a part."""
    return reader.read_text(reader.read_leb())


class TypeSizes:
    """How deep and large types are; each is looked at once, however often others refer to it."""

    def __init__(self) -> None:
        # By identity, since types compare by all that is in them; the type is kept with its size.
        self._known: dict[int, tuple[GuestType, int, int]] = {}

    def bound(self, kind: GuestType) -> GuestType:
        """Return a type; raise `ModuleError` if it nests too deeply or has too many parts."""
        depth, parts = self.measure(kind)
        if depth > MAX_TYPE_DEPTH or parts > MAX_TYPE_PARTS:
            raise ModuleError(
                f"the component has a type of more than {MAX_TYPE_PARTS} parts or "
                f"{MAX_TYPE_DEPTH} levels"
            )
        return kind

    def measure(self, kind: GuestType) -> tuple[int, int]:
        """Return levels and parts of a type all of whose parts are within bounds."""
        known = self._known.get(id(kind))
        if known is None:
            inner = [self.measure(part) for part in get_parts(kind) if part is not None]
            depth = 1 + max((depth for depth, _ in inner), default=0)
            known = self._known[id(kind)] = (kind, depth, 1 + sum(parts for _, parts in inner))
        return known[1:]


class TypeReader:
    """Reads the types of one scope, whose earlier types it refers to by index."""

    def __init__(self, types: list[Entity], sizes: "TypeSizes") -> None:
        """`types` grows as the scope is read; `sizes` is of all scopes together."""
        self._types = types
        self._sizes = sizes

    def read_value(self, reader: ByteReader) -> ValueType:
        """Read a reference to a type of values."""
        began = reader.position
        code = reader.read_leb()
        # One byte with the sixth bit is a negative number, which means a type without parts.
        if reader.position == began + 1 and code >= 0x40:
            return PRIMITIVES.get(code, Opaque("an error context"))
        found = self.find(code)
        if isinstance(found, FunctionType | InstanceShape):
            raise ModuleError("the component uses a type that is none of values")
        return found

    def find(self, index: int) -> Entity:
        """Return an earlier type."""
        if index >= len(self._types):
            raise ModuleError(f"the component has no type {index}")
        return self._types[index]

    def read_function(self, reader: ByteReader) -> FunctionType:
        """Read a function's type, after its code."""
        problem, parameters = "", []
        for _ in range(reader.read_count(MAX_MEMBERS, "parameters")):
            name, kind = get_plain_name(read_label(reader)), self.read_value(reader)
            if isinstance(kind, Opaque):
                problem, kind = kind.what, Basic.BOOL
            parameters.append(NamedType(name, kind))
        result: GuestType | None = None
        if reader.read_u8() == 0:
            kind = self.read_value(reader)
            if isinstance(kind, Opaque):
                problem = kind.what
            else:
                result = kind
        elif reader.read_leb() != 0:
            raise ModuleError("the component has a function with several results")
        kinds = [part.type for part in parameters] + ([] if result is None else [result])
        parts = sum(self._sizes.measure(kind)[1] for kind in kinds)
        if parts > MAX_TYPE_PARTS:
            raise ModuleError(f"the component has a function of more than {MAX_TYPE_PARTS} parts")
        return FunctionType(tuple(parameters), result, problem, parts)

    def read_defined(self, code: int, reader: ByteReader) -> Entity:
        """Read what defines a type of values, after its code."""
        if code in PRIMITIVES:
            return PRIMITIVES[code]
        kind = self._read_compound(code, reader)
        return kind if isinstance(kind, Opaque) else self._sizes.bound(kind)

    def _read_compound(self, code: int, reader: ByteReader) -> ValueType:
        reads: dict[int, Callable[[ByteReader], ValueType]] = {
            RECORD: self._read_record,
            VARIANT: self._read_variant,
            LIST: self._read_list,
            FIXED_LIST: self._read_fixed_list,
            TUPLE: self._read_tuple,
            FLAGS: lambda reader: FlagsType("", _read_labels(reader)),
            ENUM: lambda reader: VariantType(
                "", tuple(VariantCase(label, None) for label in _read_labels(reader)), True
            ),
            OPTION: self._read_option,
            RESULT: self._read_result,
            OWN: _read_resource,
            BORROW: _read_resource,
            FUTURE: self._read_stream,
            STREAM: self._read_stream,
        }
        if code not in reads:
            raise ModuleError(f"the component has a type of the unknown kind {code:#x}")
        return reads[code](reader)

    def _read_record(self, reader: ByteReader) -> ValueType:
        fields = [(read_label(reader), self.read_value(reader)) for _ in _count(reader)]
        plain = []
        for name, kind in fields:
            if isinstance(kind, Opaque):
                return kind
            plain.append(NamedType(get_plain_name(name), kind))
        return RecordType("", tuple(plain))

    def _read_variant(self, reader: ByteReader) -> ValueType:
        cases = [self._read_case(reader) for _ in _count(reader)]
        plain = []
        for name, kind in cases:
            if isinstance(kind, Opaque):
                return kind
            plain.append(VariantCase(name, kind))
        return VariantType("", tuple(plain))

    def _read_list(self, reader: ByteReader) -> ValueType:
        element = self.read_value(reader)
        if isinstance(element, Opaque):
            return element
        return Basic.BYTES if element is Basic.U8 else ArrayType(element)

    def _read_fixed_list(self, reader: ByteReader) -> ValueType:
        self.read_value(reader)
        reader.read_leb()
        return Opaque("a list of fixed length")

    def _read_tuple(self, reader: ByteReader) -> ValueType:
        plain = []
        for kind in [self.read_value(reader) for _ in _count(reader)]:
            if isinstance(kind, Opaque):
                return kind
            plain.append(kind)
        return TupleType(tuple(plain))

    def _read_option(self, reader: ByteReader) -> ValueType:
        element = self.read_value(reader)
        if isinstance(element, OptionType):
            return Opaque("an option of an option, which JSON cannot tell from none")
        return element if isinstance(element, Opaque) else OptionType(element)

    def _read_result(self, reader: ByteReader) -> ValueType:
        ok, error = self._read_optional(reader), self._read_optional(reader)
        if isinstance(ok, Opaque):
            return ok
        return error if isinstance(error, Opaque) else ResultType(ok, error)

    def _read_stream(self, reader: ByteReader) -> ValueType:
        self._read_optional(reader)
        return Opaque("a stream or a future")

    def _read_case(self, reader: ByteReader) -> tuple[str, ValueType | None]:
        name = get_plain_name(read_label(reader))
        kind = self._read_optional(reader)
        if reader.read_u8() != 0:
            raise ModuleError("the component has a variant of a form that is not known")
        return name, kind

    def _read_optional(self, reader: ByteReader) -> ValueType | None:
        return self.read_value(reader) if reader.read_u8() else None


def name_type(kind: Entity, name: str) -> Entity:
    """Return a type under the name that it is given where it is imported or exported."""
    plain = get_plain_name(name)
    if isinstance(kind, RecordType) and not kind.name:
        return RecordType(plain, kind.fields)
    if isinstance(kind, VariantType) and not kind.name:
        return VariantType(plain, kind.cases, kind.is_enumeration)
    if isinstance(kind, FlagsType) and not kind.name:
        return FlagsType(plain, kind.flags)
    return kind


def _read_resource(reader: ByteReader) -> ValueType:
    reader.read_leb()
    return Opaque("a resource")


def _read_labels(reader: ByteReader) -> tuple[str, ...]:
    return tuple(get_plain_name(read_label(reader)) for _ in _count(reader))


def _count(reader: ByteReader) -> range:
    return range(reader.read_count(MAX_MEMBERS, "parts of a type"))
