"""Read the outline of a core Wasm module, and append custom sections to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader, encode_leb

MAGIC = b"\0asm\x01\0\0\0"
CUSTOM, TYPE, IMPORT, FUNCTION, MEMORY, EXPORT = 0, 1, 2, 3, 5, 7
LAST_KNOWN_SECTION = 13
FUNCTION_FORM = 0x60
HAS_MAXIMUM = 1
PAGE = 65536
NOT_WASM = "not a WebAssembly module"


class Kind(IntEnum):
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
    kind: Kind
    function: CoreFunction | None


@dataclass(frozen=True, slots=True)
class Outline:
    """What a module imports and exports; `memory_bytes` is what its memory starts with."""

    imports: tuple[CoreImport, ...]
    functions: dict[str, CoreFunction]
    memories: frozenset[str]
    memory_bytes: int
    custom: dict[str, bytes]


def read_sections(wasm: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (section id, content) in order; raise `ModuleError` when this is not a core module."""
    if wasm[:8] != MAGIC:
        hint = "" if wasm[:4] != MAGIC[:4] else " of version 1 (a component, perhaps)"
        raise ModuleError(NOT_WASM + hint)
    reader = ByteReader(wasm, "the module", start=8)
    while not reader.at_end:
        section = reader.read_u8()
        if section > LAST_KNOWN_SECTION:
            raise ModuleError(f"{NOT_WASM}: unknown section {section}")
        yield section, reader.read_bytes(reader.read_leb())


def read_custom(wasm: bytes) -> dict[str, bytes]:
    """Return custom sections by name; raise `ModuleError` when one of ours stands twice."""
    found: dict[str, bytes] = {}
    for section, content in read_sections(wasm):
        if section == CUSTOM:
            name, rest = _split_custom(content)
            if name in found and name == "interface-types":
                raise ModuleError("the module has two interface-types sections")
            found[name] = rest
    return found


def append_custom(wasm: bytes, name: str, content: bytes) -> bytes:
    """Return the module with one more custom section at its end."""
    encoded = name.encode()
    payload = encode_leb(len(encoded)) + encoded + content
    return wasm + bytes([CUSTOM]) + encode_leb(len(payload)) + payload


def remove_custom(wasm: bytes, names: frozenset[str]) -> bytes:
    """Return the module without the custom sections of these names."""
    out = bytearray(MAGIC)
    for section, content in read_sections(wasm):
        if section == CUSTOM and _split_custom(content)[0] in names:
            continue
        out += bytes([section]) + encode_leb(len(content)) + content
    return bytes(out)


def read_outline(wasm: bytes) -> Outline:
    """Read imports, exports and custom sections; raise `ModuleError` for broken bytes."""
    return _OutlineReader().read(wasm)


def _split_custom(content: bytes) -> tuple[str, bytes]:
    reader = ByteReader(content, "a custom section")
    name = reader.read_text(reader.read_leb())
    return name, content[reader.position :]


class _OutlineReader:
    """Collect the parts of an `Outline` section by section."""

    def __init__(self) -> None:
        self.types: list[CoreFunction] = []
        self.imports: list[CoreImport] = []
        self.functions: list[int] = []
        self.exports: list[tuple[str, int, int]] = []
        self.memory_bytes = 0

    def read(self, wasm: bytes) -> Outline:
        for section, content in read_sections(wasm):
            reader = ByteReader(content, "the module")
            if section == TYPE:
                self._read_types(reader)
            elif section == IMPORT:
                self._read_imports(reader)
            elif section == FUNCTION:
                self.functions += [reader.read_leb() for _ in range(reader.read_leb())]
            elif section == MEMORY and reader.read_leb():
                self.memory_bytes = _read_limits(reader) * PAGE
            elif section == EXPORT:
                self._read_exports(reader)
        functions = {
            name: self._function_type(index)
            for name, kind, index in self.exports
            if kind == Kind.FUNCTION
        }
        memories = frozenset(name for name, kind, _ in self.exports if kind == Kind.MEMORY)
        return Outline(
            tuple(self.imports), functions, memories, self.memory_bytes, read_custom(wasm)
        )

    def _function_type(self, index: int) -> CoreFunction:
        try:
            return self.types[self.functions[index]]
        except IndexError as error:
            raise ModuleError(f"{NOT_WASM}: function {index} has no type") from error

    def _read_types(self, reader: ByteReader) -> None:
        for _ in range(reader.read_leb()):
            if reader.read_u8() != FUNCTION_FORM:
                raise ModuleError("the module declares types that are not functions (GC)")
            params = tuple(reader.read_bytes(reader.read_leb()))
            self.types.append(CoreFunction(params, tuple(reader.read_bytes(reader.read_leb()))))

    def _read_imports(self, reader: ByteReader) -> None:
        for _ in range(reader.read_leb()):
            module = reader.read_text(reader.read_leb())
            name = reader.read_text(reader.read_leb())
            kind = _read_kind(reader)
            function = None
            if kind == Kind.FUNCTION:
                self.functions.append(reader.read_leb())
                function = self._function_type(len(self.functions) - 1)
            elif kind == Kind.TABLE:
                reader.read_u8()
                _read_limits(reader)
            elif kind == Kind.MEMORY:
                _read_limits(reader)
            else:
                reader.read_bytes(2)
            self.imports.append(CoreImport(module, name, kind, function))

    def _read_exports(self, reader: ByteReader) -> None:
        for _ in range(reader.read_leb()):
            name = reader.read_text(reader.read_leb())
            self.exports.append((name, _read_kind(reader), reader.read_leb()))


def _read_kind(reader: ByteReader) -> Kind:
    code = reader.read_u8()
    try:
        return Kind(code)
    except ValueError as error:
        raise ModuleError(f"{NOT_WASM}: unknown kind of import or export {code}") from error


def _read_limits(reader: ByteReader) -> int:
    flags = reader.read_u8()
    minimum = reader.read_leb()
    if flags & HAS_MAXIMUM:
        reader.read_leb()
    return minimum
