"""Read the outline of a core Wasm module, and append custom sections to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader
from wasmarket.kernel.documents.varints import encode_varint

MAGIC = b"\0asm\x01\0\0\0"
CUSTOM, TYPE, IMPORT, FUNCTION, MEMORY, EXPORT = 0, 1, 2, 3, 5, 7
LAST_KNOWN_SECTION = 13
FUNCTION_FORM = 0x60
HAS_MAXIMUM = 1
PAGE = 65536
NOT_WASM = "not a WebAssembly module"
# More than any module has that people run, and few enough that reading them takes no time: the
# largest guests known, whole interpreters, have some 30,000 functions of 1,000 types.
MAX_SECTIONS: Final = 10_000
MAX_TYPES: Final = 20_000
MAX_VALUES: Final = 1_000
MAX_IMPORTS: Final = 10_000
MAX_FUNCTIONS: Final = 500_000
MAX_EXPORTS: Final = 50_000
MAX_MEMORIES: Final = 16


class ExternKind(IntEnum):
    """What is imported or exported."""

    FUNCTION = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4


class CoreType(IntEnum):
    """Value types of core Wasm that cross the host boundary."""

    I32 = 0x7F
    I64 = 0x7E
    F32 = 0x7D
    F64 = 0x7C


@dataclass(frozen=True, slots=True)
class CoreFunction:
    """A core function type; values are `CoreType` codes, or other codes of the specification."""

    params: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CoreImport:
    """One import; `function` is None for anything that is not a function."""

    module: str
    name: str
    kind: ExternKind
    function: CoreFunction | None


@dataclass(frozen=True, slots=True)
class Outline:
    """What a module imports and exports; `memory_bytes` is what its memory starts with."""

    imports: tuple[CoreImport, ...]
    functions: dict[str, CoreFunction]
    memories: frozenset[str]
    memory_bytes: int
    custom: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class MemorySize:
    """Bytes that a memory starts with, and the most that it says it may have (None: no bound)."""

    starts: int
    most: int | None


def read_memories(wasm: bytes) -> list[MemorySize]:
    """Return the memories that a core module has of its own; raise `ModuleError`."""
    found = []
    for section, content in read_sections(wasm):
        reader = ByteReader(content, "the module")
        for _ in range(reader.read_count(MAX_MEMORIES, "memories") if section == MEMORY else 0):
            has_most, starts = reader.read_u8() & HAS_MAXIMUM, reader.read_leb()
            most = reader.read_leb() * PAGE if has_most else None
            found.append(MemorySize(starts * PAGE, most))
    return found


def read_sections(wasm: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (section id, content) in order; raise `ModuleError` when this is not a core module."""
    if wasm[:8] != MAGIC:
        hint = "" if wasm[:4] != MAGIC[:4] else " of version 1 (a component, perhaps)"
        raise ModuleError(NOT_WASM + hint)
    reader = ByteReader(wasm, "the module", start=len(MAGIC))
    seen: set[int] = set()
    count = 0
    while not reader.at_end:
        section = reader.read_u8()
        count += 1
        if section > LAST_KNOWN_SECTION:
            raise ModuleError(f"{NOT_WASM}: unknown section {section}")
        if count > MAX_SECTIONS:
            raise ModuleError(f"the module has more than {MAX_SECTIONS} sections")
        if section != CUSTOM and section in seen:
            raise ModuleError(f"{NOT_WASM}: section {section} stands twice")
        seen.add(section)
        yield section, reader.read_bytes(reader.read_leb())


def read_custom(wasm: bytes) -> dict[str, bytes]:
    """Return custom sections by name; raise `ModuleError` when one of ours stands twice."""
    custom = _CustomSections()
    for section, content in read_sections(wasm):
        if section == CUSTOM:
            custom.add(content)
    return custom.found


def append_custom(wasm: bytes, name: str, content: bytes) -> bytes:
    """Return the module with one more custom section at its end."""
    encoded = name.encode()
    payload = encode_varint(len(encoded)) + encoded + content
    return wasm + bytes([CUSTOM]) + encode_varint(len(payload)) + payload


def remove_custom(wasm: bytes, names: frozenset[str]) -> bytes:
    """Return the module without the custom sections of these names."""
    out = bytearray(MAGIC)
    for section, content in read_sections(wasm):
        if section == CUSTOM and _split_custom(content)[0] in names:
            continue
        out += bytes([section]) + encode_varint(len(content)) + content
    return bytes(out)


def read_outline(wasm: bytes) -> Outline:
    """Read imports, exports and custom sections; raise `ModuleError` for broken bytes."""
    return _OutlineReader().read(wasm)


def _split_custom(content: bytes) -> tuple[str, bytes]:
    reader = ByteReader(content, "a custom section")
    name = reader.read_text(reader.read_leb())
    return name, content[reader.position :]


class _CustomSections:
    """Custom sections by name; of two the last counts, but for interface types, where it fails."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}

    def add(self, content: bytes) -> None:
        name, rest = _split_custom(content)
        if name in self.found and name == "interface-types":
            raise ModuleError("the module has two interface-types sections")
        self.found[name] = rest


class _OutlineReader:
    """Collect the parts of an `Outline` section by section."""

    def __init__(self) -> None:
        self.types: list[CoreFunction] = []
        self.imports: list[CoreImport] = []
        self.functions: list[int] = []
        self.exports: list[tuple[str, int, int]] = []
        self.memory_bytes = 0

    def read(self, wasm: bytes) -> Outline:
        custom = _CustomSections()
        for section, content in read_sections(wasm):
            reader = ByteReader(content, "the module")
            if section == CUSTOM:
                custom.add(content)
            elif section == TYPE:
                self._read_types(reader)
            elif section == IMPORT:
                self._read_imports(reader)
            elif section == FUNCTION:
                count = reader.read_count(MAX_FUNCTIONS, "functions")
                self.functions += [reader.read_leb() for _ in range(count)]
            elif section == MEMORY and reader.read_leb():
                self.memory_bytes = _read_limits(reader) * PAGE
            elif section == EXPORT:
                self._read_exports(reader)
        functions = {
            name: self._function_type(index)
            for name, kind, index in self.exports
            if kind == ExternKind.FUNCTION
        }
        memories = frozenset(name for name, kind, _ in self.exports if kind == ExternKind.MEMORY)
        return Outline(tuple(self.imports), functions, memories, self.memory_bytes, custom.found)

    def _function_type(self, index: int) -> CoreFunction:
        try:
            return self.types[self.functions[index]]
        except IndexError as error:
            raise ModuleError(f"{NOT_WASM}: function {index} has no type") from error

    def _read_types(self, reader: ByteReader) -> None:
        for _ in range(reader.read_count(MAX_TYPES, "types")):
            if reader.read_u8() != FUNCTION_FORM:
                raise ModuleError("the module declares types that are not functions (GC)")
            params = tuple(reader.read_bytes(reader.read_count(MAX_VALUES, "parameters")))
            results = tuple(reader.read_bytes(reader.read_count(MAX_VALUES, "results")))
            self.types.append(CoreFunction(params, results))

    def _read_imports(self, reader: ByteReader) -> None:
        for _ in range(reader.read_count(MAX_IMPORTS, "imports")):
            module = reader.read_text(reader.read_leb())
            name = reader.read_text(reader.read_leb())
            kind = _read_kind(reader)
            function = None
            if kind == ExternKind.FUNCTION:
                self.functions.append(reader.read_leb())
                function = self._function_type(len(self.functions) - 1)
            elif kind == ExternKind.TABLE:
                reader.read_u8()
                _read_limits(reader)
            elif kind == ExternKind.MEMORY:
                _read_limits(reader)
            else:
                reader.read_bytes(2)
            self.imports.append(CoreImport(module, name, kind, function))

    def _read_exports(self, reader: ByteReader) -> None:
        for _ in range(reader.read_count(MAX_EXPORTS, "exports")):
            name = reader.read_text(reader.read_leb())
            self.exports.append((name, _read_kind(reader), reader.read_leb()))


def _read_kind(reader: ByteReader) -> ExternKind:
    code = reader.read_u8()
    try:
        return ExternKind(code)
    except ValueError as error:
        raise ModuleError(f"{NOT_WASM}: unknown kind of import or export {code}") from error


def _read_limits(reader: ByteReader) -> int:
    flags = reader.read_u8()
    minimum = reader.read_leb()
    if flags & HAS_MAXIMUM:
        reader.read_leb()
    return minimum
