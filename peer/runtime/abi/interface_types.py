"""Read the `interface-types` section of a Marine module."""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from peer.runtime.abi.guest_types import (
    HOST_RECORDS,
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    Interface,
    NamedType,
    RecordType,
    measure_record,
)
from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader

SECTION: Final = "interface-types"
OLDEST_VERSION: Final = (0, 20, 0)
# What a section may hold. The largest known is 40 KB, with 120 functions.
MAX_SECTION_BYTES: Final = 512 << 10
MAX_PARTS: Final = 64
MAX_ENTRIES: Final = 16_384
MAX_FUNCTIONS: Final = 4_096
MAX_TYPE_DEPTH: Final = 32
MAX_TYPE_PARTS: Final = 1 << 20
API_FUNCTIONS: Final = (
    "allocate",
    "release_objects",
    "get_result_size",
    "get_result_ptr",
    "set_result_size",
    "set_result_ptr",
)

TYPES, IMPORTS, ADAPTERS, EXPORTS, IMPLEMENTATIONS, VERSION = range(6)
PART_LIMITS: Final = {
    TYPES: (MAX_ENTRIES, "types"),
    IMPORTS: (2 * MAX_FUNCTIONS, "imports"),
    ADAPTERS: (MAX_ENTRIES, "adapters"),
    EXPORTS: (MAX_FUNCTIONS, "exports"),
    IMPLEMENTATIONS: (MAX_ENTRIES, "implementations"),
}
FUNCTION_TYPE, RECORD_TYPE = 0, 1
RECORD_CODE, ARRAY_CODE = 0x0E, 0x36
BASIC_CODES: Final[dict[int, Basic]] = {
    0x00: Basic.S8,
    0x01: Basic.S16,
    0x02: Basic.S32,
    0x03: Basic.S64,
    0x04: Basic.U8,
    0x05: Basic.U16,
    0x06: Basic.U32,
    0x07: Basic.U64,
    0x08: Basic.F32,
    0x09: Basic.F64,
    0x0A: Basic.STRING,
    0x0B: Basic.BOOL,
    0x0C: Basic.I32,
    0x0D: Basic.I64,
    0x3C: Basic.BYTES,
}
# What follows each instruction: "" nothing, "n" a LEB128 number, "t" a type.
INSTRUCTIONS: Final[dict[int, str]] = {
    **dict.fromkeys(range(0x02, 0x26), ""),
    **dict.fromkeys((0x34, 0x35, 0x3E, 0x3F, 0x43, 0x44, 0x45), ""),
    **dict.fromkeys((0x00, 0x01, 0x3A, 0x3B, 0x40, 0x41), "n"),
    **dict.fromkeys((0x37, 0x38), "t"),
}


@dataclass(frozen=True, slots=True)
class _RawType:
    """A type as written: a basic one or a record by its index, in so many arrays."""

    arrays: int
    basic: Basic | None = None
    record: int = -1


@dataclass(frozen=True, slots=True)
class _RawDefinition:
    """An entry of the types section."""

    kind: int
    name: str
    fields: tuple[tuple[str, _RawType], ...]
    outputs: tuple[_RawType, ...] = ()


@dataclass(slots=True)
class _RawSection:
    """All entries of a section, in order."""

    version: str = ""
    types: list[_RawDefinition] = field(default_factory=list)
    imports: list[tuple[str, str, int]] = field(default_factory=list)
    exports: list[tuple[str, int]] = field(default_factory=list)
    adapter_of: dict[int, int] = field(default_factory=dict)


def parse_interface(content: bytes) -> Interface:
    """Read the section's content; raise `ModuleError` that says what does not fit."""
    if len(content) > MAX_SECTION_BYTES:
        raise ModuleError(
            f"the interface-types section has {len(content)} bytes, more than {MAX_SECTION_BYTES}"
        )
    raw = _read_section(ByteReader(content, "the interface-types section"))
    version = parse_version(raw.version, "interface-types version")
    if version < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise ModuleError(f"interface-types version {raw.version} is older than {oldest}")
    resolver = _Resolver(raw.types)
    functions = {
        name: resolver.resolve_function(name, raw.adapter_of.get(index, index))
        for name, index in raw.exports
        if name not in API_FUNCTIONS
    }
    imports: dict[tuple[str, str], FunctionSignature] = {}
    for namespace, name, index in raw.imports:
        # NOTE: each import stands twice, the interface type before the core type.
        if (namespace, name) not in imports:
            imports[namespace, name] = resolver.resolve_function(name, index)
    return Interface(raw.version, functions, imports, resolver.resolve_host_records())


def parse_version(text: str, what: str) -> tuple[int, int, int]:
    """Read `major.minor.patch`, ignoring a pre-release suffix; raise `ModuleError` otherwise."""
    parts = re.split("[-+]", text, maxsplit=1)[0].split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ModuleError(f"{what} {text!r} is not major.minor.patch")
    major, minor, patch = (int(part[:9]) for part in parts)
    return major, minor, patch


def _read_section(reader: ByteReader) -> _RawSection:
    raw = _RawSection()
    for _ in range(MAX_PARTS):
        if reader.at_end:
            return raw
        kind = reader.read_u8()
        if kind == VERSION:
            raw.version = _read_name(reader)
            continue
        if kind not in PART_LIMITS:
            raise ModuleError(f"interface-types has an unknown part {kind}")
        for _ in range(reader.read_count(*PART_LIMITS[kind])):
            _read_entry(reader, kind, raw)
    raise ModuleError(f"the interface-types section has more than {MAX_PARTS} parts")


def _read_entry(reader: ByteReader, kind: int, raw: _RawSection) -> None:
    if kind == TYPES:
        raw.types.append(_read_definition(reader))
    elif kind == IMPORTS:
        raw.imports.append((_read_name(reader), _read_name(reader), reader.read_leb()))
    elif kind == EXPORTS:
        raw.exports.append((_read_name(reader), reader.read_leb()))
    elif kind == IMPLEMENTATIONS:
        core = reader.read_leb()
        raw.adapter_of[core] = reader.read_leb()
    else:
        _skip_adapter(reader)


def _read_name(reader: ByteReader) -> str:
    return reader.read_text(reader.read_u8())


def _read_definition(reader: ByteReader) -> _RawDefinition:
    kind = reader.read_u8()
    if kind == FUNCTION_TYPE:
        inputs = _read_fields(reader)
        outputs = tuple(_read_type(reader) for _ in range(reader.read_u8()))
        return _RawDefinition(kind, "", inputs, outputs)
    if kind == RECORD_TYPE:
        name = _read_name(reader)
        return _RawDefinition(kind, name, _read_fields(reader))
    raise ModuleError(f"interface-types defines an unknown kind of type {kind}")


def _read_fields(reader: ByteReader) -> tuple[tuple[str, _RawType], ...]:
    return tuple((_read_name(reader), _read_type(reader)) for _ in range(reader.read_u8()))


def _read_type(reader: ByteReader) -> _RawType:
    arrays, code = 0, reader.read_u8()
    while code == ARRAY_CODE:
        arrays, code = arrays + 1, reader.read_u8()
    if arrays > MAX_TYPE_DEPTH:
        raise ModuleError(f"interface-types nests more than {MAX_TYPE_DEPTH} arrays in one another")
    if code == RECORD_CODE:
        return _RawType(arrays, record=reader.read_leb())
    if code not in BASIC_CODES:
        raise ModuleError(f"interface-types uses the unknown type 0x{code:02x}")
    return _RawType(arrays, BASIC_CODES[code])


def _skip_adapter(reader: ByteReader) -> None:
    reader.read_leb()
    for _ in range(reader.read_u8()):
        code = reader.read_u8()
        operand = INSTRUCTIONS.get(code)
        if operand is None:
            raise ModuleError(f"interface-types uses the unknown instruction 0x{code:02x}")
        if operand == "n":
            reader.read_leb()
        elif operand == "t":
            _read_type(reader)


class _Resolver:
    """Turn type indices into types, each record once; records that contain themselves fail."""

    def __init__(self, definitions: list[_RawDefinition]) -> None:
        self._definitions = definitions
        self._records: dict[int, RecordType] = {}
        self._functions: dict[int, FunctionSignature] = {}

    def resolve_function(self, name: str, index: int) -> FunctionSignature:
        if index not in self._functions:
            self._functions[index] = self._resolve_function(name, index)
        return replace(self._functions[index], name=name)

    def resolve_host_records(self) -> dict[str, RecordType]:
        """Return the records of the host's own names; of two of one name, the first."""
        found: dict[str, RecordType] = {}
        for index, definition in enumerate(self._definitions):
            if definition.kind == RECORD_TYPE and definition.name in HOST_RECORDS:
                found.setdefault(definition.name, self._resolve_record(index))
        return found

    def _resolve_function(self, name: str, index: int) -> FunctionSignature:
        definition = self._get(index, FUNCTION_TYPE, f"function {name}")
        if len(definition.outputs) > 1:
            raise ModuleError(f"function {name} has more than one output")
        parameters = tuple(NamedType(part, self._resolve(raw)) for part, raw in definition.fields)
        if len({part.name for part in parameters}) < len(parameters):
            raise ModuleError(f"function {name} has two parameters of one name")
        outputs = tuple(self._resolve(raw) for raw in definition.outputs)
        return FunctionSignature(name, parameters, outputs)

    def _get(self, index: int, kind: int, user: str) -> _RawDefinition:
        if index >= len(self._definitions) or self._definitions[index].kind != kind:
            raise ModuleError(f"{user} refers to type {index}, which does not fit")
        return self._definitions[index]

    def _resolve(self, raw: _RawType) -> GuestType:
        resolved: GuestType = self._resolve_record(raw.record) if raw.basic is None else raw.basic
        for _ in range(raw.arrays):
            resolved = ArrayType(resolved)
        return resolved

    def _resolve_record(self, index: int) -> RecordType:
        """Build a record after all that it is made of, without recursion."""
        waiting = [index]
        opened: set[int] = set()
        while waiting:
            current = waiting[-1]
            if current in self._records:
                waiting.pop()
                continue
            definition = self._get(current, RECORD_TYPE, "a value")
            missing = [
                raw.record
                for _, raw in definition.fields
                if raw.basic is None and raw.record not in self._records
            ]
            if not missing:
                self._records[current] = _build_record(
                    definition.name,
                    tuple(NamedType(name, self._resolve(raw)) for name, raw in definition.fields),
                )
                continue
            # All of them wait above it, so on its second turn one is missing only in a circle.
            if current in opened or current in missing:
                raise ModuleError(f"record {definition.name} contains itself")
            opened.add(current)
            waiting.extend(dict.fromkeys(missing))
        return self._records[index]


def _build_record(name: str, parts: tuple[NamedType, ...]) -> RecordType:
    if len({part.name for part in parts}) < len(parts):
        raise ModuleError(f"record {name} has two fields of one name")
    record = RecordType(name, parts)
    extent = measure_record(record)
    if extent.depth > MAX_TYPE_DEPTH:
        raise ModuleError(f"record {name} nests types more than {MAX_TYPE_DEPTH} levels deep")
    if extent.parts > MAX_TYPE_PARTS:
        raise ModuleError(
            f"record {name} has more than {MAX_TYPE_PARTS} parts when written out in full"
        )
    return record
