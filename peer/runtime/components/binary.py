"""Read what a component imports and exports, with all types, out of its bytes.

Only what leads to those is read: core modules inside are skipped, and what wires them together is
followed no further than the types of functions need. wasmtime checks the whole when it compiles.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from peer.runtime.components.type_reader import (
    FUNCTION,
    Entity,
    FunctionType,
    InstanceShape,
    Opaque,
    TypeReader,
    TypeSizes,
    name_type,
    read_label,
)
from peer.runtime.errors import ModuleError
from peer.runtime.wasm.binary import ByteReader
from peer.runtime.wasm.sections import MemorySize, read_memories

MAGIC: Final = b"\0asm\x0d\0\x01\0"
NOT_A_COMPONENT: Final = "not a WebAssembly component"
MAX_SECTIONS: Final = 10_000
MAX_ITEMS: Final = 20_000
MAX_NESTING: Final = 8
CUSTOM, CORE_MODULE, CORE_INSTANCE, CORE_TYPE, COMPONENT, INSTANCE = range(6)
ALIAS, TYPE, CANON, START, IMPORT, EXPORT = range(6, 12)
SORT_CORE, SORT_FUNCTION, SORT_VALUE, SORT_TYPE, SORT_COMPONENT, SORT_INSTANCE = range(6)
RESOURCE, RESOURCE_ASYNC, COMPONENT_TYPE, INSTANCE_TYPE, ASYNC_FUNCTION = (
    *(0x3F, 0x3E, 0x41, 0x42, 0x43),
)
UNKNOWN: Final = Opaque("something that is not known here")
# Immediates of `canon`: how many numbers follow each kind that is no lift or lower.
CANON_NUMBERS: Final = {0x02: 1, 0x03: 1, 0x04: 1}
CANON_OPTIONS: Final = {0: 0, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1, 6: 0, 7: 1}


@dataclass(frozen=True, slots=True)
class ComponentOutline:
    """What a component imports and exports, by name, and the memories of its core modules."""

    imports: dict[str, Entity]
    exports: dict[str, Entity]
    memories: tuple[MemorySize, ...]


@dataclass(slots=True)
class _Scope:
    """The index spaces of a component, or of a type that describes one or an instance."""

    outer: "_Scope | None" = None
    depth: int = 0
    types: list[Entity] = field(default_factory=list)
    functions: list[Entity] = field(default_factory=list)
    instances: list[Entity] = field(default_factory=list)
    components: list[InstanceShape] = field(default_factory=list)
    imports: dict[str, Entity] = field(default_factory=dict)
    exports: dict[str, Entity] = field(default_factory=dict)
    memories: list[MemorySize] = field(default_factory=list)
    sizes: TypeSizes = field(default_factory=TypeSizes)
    """As the memories of all scopes together."""

    def add(self, sort: int, entity: Entity) -> None:
        """Give the entity the next index of its sort."""
        if sort == SORT_TYPE:
            self.types.append(entity)
        elif sort == SORT_FUNCTION:
            self.functions.append(entity)
        elif sort == SORT_INSTANCE:
            self.instances.append(entity)
        elif sort == SORT_COMPONENT:
            self.components.append(entity if isinstance(entity, InstanceShape) else InstanceShape())
        self.check()

    def read_types(self) -> TypeReader:
        """Return what reads types that refer to those of this scope."""
        return TypeReader(self.types, self.sizes)

    def check(self) -> None:
        """Raise `ModuleError` once there are more items than any component has."""
        if len(self.types) + len(self.functions) + len(self.instances) > MAX_ITEMS:
            raise ModuleError(f"the component has more than {MAX_ITEMS} items")

    def get(self, sort: int, index: int) -> Entity:
        """Return what has this index."""
        spaces: dict[int, list[Entity]] = {
            SORT_TYPE: self.types,
            SORT_FUNCTION: self.functions,
            SORT_INSTANCE: self.instances,
            SORT_COMPONENT: list(self.components) if sort == SORT_COMPONENT else [],
        }
        space = spaces.get(sort)
        if space is None:
            return UNKNOWN
        if index >= len(space):
            raise ModuleError(f"the component refers to an item {index} that it does not have")
        return space[index]


def is_component(wasm: bytes) -> bool:
    """Tell whether bytes begin as a component."""
    return wasm[: len(MAGIC)] == MAGIC


def read_component(wasm: bytes) -> ComponentOutline:
    """Return the outline; raise `ModuleError` for what is no component, or an odd one."""
    if not is_component(wasm):
        hint = " but a core module" if wasm[:4] == MAGIC[:4] else ""
        raise ModuleError(
            NOT_A_COMPONENT + hint, remedy='say abi = "marine" or "raw" for a core module'
        )
    scope = _Scope()
    _read_sections(ByteReader(wasm, "the component"), scope)
    # One instance may be imported or exported under many names: each of them counts.
    named = (*scope.imports.values(), *scope.exports.values())
    members = sum(len(found.exports) for found in named if isinstance(found, InstanceShape))
    if members > MAX_ITEMS:
        raise ModuleError(f"the component imports and exports more than {MAX_ITEMS} items")
    return ComponentOutline(scope.imports, scope.exports, tuple(scope.memories))


def _read_sections(reader: ByteReader, scope: _Scope) -> None:
    if reader.read_bytes(len(MAGIC)) != MAGIC:
        raise ModuleError(NOT_A_COMPONENT)
    readers: dict[int, Callable[[ByteReader, _Scope], None]] = {
        INSTANCE: _read_instance,
        ALIAS: _read_alias,
        TYPE: _read_type,
        CANON: _read_canon,
        IMPORT: _read_import,
        EXPORT: _read_export,
    }
    for count in range(MAX_SECTIONS):
        if reader.at_end:
            return
        section, size = reader.read_u8(), reader.read_leb()
        if section > EXPORT:
            raise ModuleError(f"the component has a section of the unknown kind {section}")
        if section in (CUSTOM, CORE_INSTANCE, CORE_TYPE, START):
            reader.skip(size)
            continue
        if section == CORE_MODULE:
            scope.memories += read_memories(reader.read_bytes(size))
            continue
        content = ByteReader(reader.read_bytes(size), "the component")
        if section == COMPONENT:
            _read_nested(content, scope)
            continue
        for _ in range(content.read_count(MAX_ITEMS, "items")):
            readers[section](content, scope)
        if not content.at_end:
            raise ModuleError(f"section {count} of the component does not read to its end")
    raise ModuleError(f"the component has more than {MAX_SECTIONS} sections")


def _deepen(scope: _Scope) -> _Scope:
    if scope.depth >= MAX_NESTING:
        raise ModuleError(f"the component nests more than {MAX_NESTING} levels deep")
    return _Scope(scope, scope.depth + 1, memories=scope.memories, sizes=scope.sizes)


def _read_nested(content: ByteReader, scope: _Scope) -> None:
    inner = _deepen(scope)
    _read_sections(content, inner)
    scope.add(SORT_COMPONENT, InstanceShape(inner.exports))


def _read_instance(reader: ByteReader, scope: _Scope) -> None:
    if reader.read_u8() == 0:
        made = scope.get(SORT_COMPONENT, reader.read_leb())
        for _ in range(reader.read_count(MAX_ITEMS, "arguments")):
            read_label(reader)
            _read_sort(reader)
            reader.read_leb()
        scope.add(SORT_INSTANCE, made)
        return
    exports: dict[str, Entity] = {}
    for _ in range(reader.read_count(MAX_ITEMS, "exports")):
        name, sort = _read_name(reader), _read_sort(reader)
        exports[name] = scope.get(sort, reader.read_leb())
    scope.add(SORT_INSTANCE, InstanceShape(exports))


def _read_sort(reader: ByteReader) -> int:
    sort = reader.read_u8()
    if sort == SORT_CORE:
        reader.read_u8()
    return sort


def _read_alias(reader: ByteReader, scope: _Scope) -> None:
    sort, target = _read_sort(reader), reader.read_u8()
    if target == 2:
        outer = scope
        for _ in range(reader.read_leb()):
            if outer.outer is None:
                raise ModuleError("the component refers to one around it that is not there")
            outer = outer.outer
        scope.add(sort, outer.get(sort, reader.read_leb()))
        return
    index, name = reader.read_leb(), read_label(reader)
    if target == 1:
        return
    instance = scope.get(SORT_INSTANCE, index)
    found = instance.exports.get(name) if isinstance(instance, InstanceShape) else None
    scope.add(sort, found or UNKNOWN)


def _read_type(reader: ByteReader, scope: _Scope) -> None:
    code, types = reader.read_u8(), scope.read_types()
    if code == FUNCTION:
        scope.types.append(types.read_function(reader))
    elif code == ASYNC_FUNCTION:
        function = types.read_function(reader)
        scope.types.append(
            FunctionType(function.parameters, function.result, "an asynchronous function")
        )
    elif code in (INSTANCE_TYPE, COMPONENT_TYPE):
        inner = _deepen(scope)
        for _ in range(reader.read_count(MAX_ITEMS, "declarations")):
            _read_declaration(reader, inner)
        scope.types.append(InstanceShape(inner.exports))
    elif code in (RESOURCE, RESOURCE_ASYNC):
        reader.read_u8()
        if reader.read_u8():
            reader.read_leb()
        scope.types.append(Opaque("a resource"))
    else:
        scope.types.append(types.read_defined(code, reader))
    scope.check()


def _read_declaration(reader: ByteReader, scope: _Scope) -> None:
    code = reader.read_u8()
    if code == 1:
        _read_type(reader, scope)
    elif code == 2:
        _read_alias(reader, scope)
    elif code == 3:
        _read_import(reader, scope)
    elif code == 4:
        name = _read_name(reader)
        sort, entity = _read_description(reader, scope)
        named = name_type(entity, name)
        scope.add(sort, named)
        scope.exports[name] = named
    else:
        raise ModuleError("the component describes core modules by their types")


def _read_description(reader: ByteReader, scope: _Scope) -> tuple[int, Entity]:
    """Return the sort of what an import or export is, and its type."""
    sort = reader.read_u8()
    if sort == SORT_CORE:
        reader.read_u8()
        reader.read_leb()
        return sort, UNKNOWN
    if sort == SORT_TYPE:
        if reader.read_u8() == 0:
            return sort, scope.read_types().find(reader.read_leb())
        return sort, Opaque("a resource")
    if sort == SORT_VALUE:
        raise ModuleError("the component imports or exports a value")
    return sort, scope.read_types().find(reader.read_leb())


def _read_canon(reader: ByteReader, scope: _Scope) -> None:
    code = reader.read_u8()
    if code in CANON_NUMBERS:
        reader.read_leb()
        return
    if code not in (0, 1) or reader.read_u8() != 0:
        raise ModuleError(
            "the component uses asynchronous functions or threads",
            remedy="build it for synchronous calls",
        )
    reader.read_leb()
    for _ in range(reader.read_count(MAX_ITEMS, "options")):
        option = reader.read_u8()
        if option not in CANON_OPTIONS:
            raise ModuleError(f"the component has a function with the unknown option {option}")
        for _ in range(CANON_OPTIONS[option]):
            reader.read_leb()
    if code == 0:
        scope.add(SORT_FUNCTION, scope.read_types().find(reader.read_leb()))


def _read_import(reader: ByteReader, scope: _Scope) -> None:
    name = _read_name(reader)
    sort, entity = _read_description(reader, scope)
    named = name_type(entity, name)
    scope.add(sort, named)
    scope.imports[name] = named


def _read_export(reader: ByteReader, scope: _Scope) -> None:
    name, sort = _read_name(reader), _read_sort(reader)
    entity = scope.get(sort, reader.read_leb())
    if reader.read_u8():
        sort, entity = _read_description(reader, scope)
    named = name_type(entity, name)
    scope.add(sort, named)
    scope.exports[name] = named


def _read_name(reader: ByteReader) -> str:
    form = reader.read_u8()
    name = read_label(reader)
    if form == 2:
        read_label(reader)
    return name
