"""Turn a module into a Marine one: wrap raw functions, and append the typed interface.

Raw functions of any signature are wrapped, not only those from bytes to bytes: they take the core
parameters that Marine's would, and what they answer in memory comes as `pointer << 32 | length`.
A module that has Marine's own functions already gets the section only. The wrapping adds a few
instructions at the end of the module; what was there stays as it is.
"""

from collections.abc import Sequence
from typing import Final

from peer.runtime.abi.encoder import encode_interface
from peer.runtime.abi.guest_types import SCALARS, FunctionSignature, RecordType
from peer.runtime.abi.interface_types import SECTION
from peer.runtime.errors import ModuleError
from peer.runtime.module.check import SDK_SECTION, check_module
from peer.runtime.module.links import get_core_type
from peer.runtime.module.raw_abi import ALLOC, ALLOC_TYPE, DEALLOC
from peer.runtime.wasm.binary import ByteReader
from peer.runtime.wasm.sections import (
    CUSTOM,
    MAGIC,
    CoreFunction,
    CoreType,
    append_custom,
    read_custom,
    read_outline,
    read_sections,
    remove_custom,
)
from wasmarket.kernel.documents.varints import encode_varint

TYPE, IMPORT, FUNCTION, GLOBAL, EXPORT, CODE = 1, 2, 3, 6, 7, 10
SECTION_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
SDK_VERSION: Final = b"0.14.0"
I32, I64 = CoreType.I32, CoreType.I64
LOCAL_GET, LOCAL_TEE, GLOBAL_GET, GLOBAL_SET, CALL = b"\x20", b"\x22", b"\x23", b"\x24", b"\x10"
I32_CONST_0, SHIFT_RIGHT_32, WRAP, IF, END = (
    b"\x41\x00",
    b"\x42\x20\x88",
    b"\xa7",
    b"\x04\x40",
    b"\x0b",
)


def embed_interface(wasm: bytes, signatures: Sequence[FunctionSignature]) -> bytes:
    """Return a Marine module with these functions; raise `ModuleError` that says what is missing.

    Read signatures with `signature_text.parse_signatures`.
    """
    if not signatures:
        raise ModuleError("there are no signatures to embed", remedy="write one a line")
    outline = read_outline(wasm)
    if "allocate" not in outline.functions:
        wasm = _Wrapper(wasm).wrap(signatures)
    wasm = remove_custom(wasm, frozenset({SECTION}))
    wasm = append_custom(wasm, SECTION, encode_interface(signatures))
    if SDK_SECTION not in read_custom(wasm):
        wasm = append_custom(wasm, SDK_SECTION, SDK_VERSION)
    check_module(wasm)
    return wasm


class _Wrapper:
    """Appends types, globals, functions and exports to a module's sections."""

    def __init__(self, wasm: bytes) -> None:
        self._outline = read_outline(wasm)
        self._sections: dict[int, bytes] = {}
        self._custom: list[bytes] = []
        for section, content in read_sections(wasm):
            if section == CUSTOM:
                self._custom.append(content)
            else:
                self._sections[section] = content
        self._added: dict[int, list[bytes]] = {
            s: [] for s in (TYPE, FUNCTION, GLOBAL, EXPORT, CODE)
        }
        self._exports = self._read_exports()
        imports = [wanted for wanted in self._outline.imports if wanted.function is not None]
        self._next_function = len(imports) + self._count(FUNCTION)
        self._next_global = self._count(GLOBAL) + sum(
            1 for wanted in self._outline.imports if wanted.kind == 3
        )

    def wrap(self, signatures: Sequence[FunctionSignature]) -> bytes:
        if self._outline.functions.get(ALLOC) != ALLOC_TYPE:
            raise ModuleError("the module exports no alloc(size: i32) -> i32 to build upon")
        pointer, size = self._add_global(), self._add_global()
        alloc = CALL + encode_varint(self._exports[ALLOC])
        self._add("allocate", CoreFunction((I32, I32), (I32,)), _get(0) + alloc)
        for name, cell in (("ptr", pointer), ("size", size)):
            self._add(f"get_result_{name}", CoreFunction((), (I32,)), GLOBAL_GET + cell)
            self._add(f"set_result_{name}", CoreFunction((I32,), ()), _get(0) + GLOBAL_SET + cell)
        self._add("release_objects", CoreFunction((), ()), self._release(pointer, size))
        for signature in signatures:
            self._wrap_function(signature, pointer, size)
        return self._build()

    def _release(self, pointer: bytes, size: bytes) -> bytes:
        if DEALLOC not in self._outline.functions:
            return b""
        return (
            GLOBAL_GET + size + IF + GLOBAL_GET + pointer + GLOBAL_GET + size
            + CALL + encode_varint(self._exports[DEALLOC])
            + I32_CONST_0 + GLOBAL_SET + size + END
        )  # fmt: skip

    def _wrap_function(self, signature: FunctionSignature, pointer: bytes, size: bytes) -> None:
        name, wanted = signature.name, get_core_type(signature)
        actual = self._outline.functions.get(name)
        if actual is None:
            raise ModuleError(f"the module exports no function {name}")
        if not signature.outputs or signature.outputs[0] in SCALARS:
            if actual != wanted:
                raise ModuleError(f"{name} has another type than its signature")
            return  # what it takes and gives is Marine's way already
        is_record = isinstance(signature.outputs[0], RecordType)
        if actual != CoreFunction(wanted.params, (I32 if is_record else I64,)):
            raise ModuleError(
                f"{name} has another type than its signature: it must answer an "
                f"{'i32, a pointer' if is_record else 'i64, pointer << 32 | length'}"
            )
        body = b"".join(_get(index) for index in range(len(wanted.params)))
        body += CALL + encode_varint(self._exports.pop(name))
        if is_record:
            self._add(name, wanted, body + GLOBAL_SET + pointer)
            return
        packed = encode_varint(len(wanted.params))
        body += LOCAL_TEE + packed + SHIFT_RIGHT_32 + WRAP + GLOBAL_SET + pointer
        body += LOCAL_GET + packed + WRAP + GLOBAL_SET + size
        self._add(name, wanted, body, has_i64=True)

    def _add(self, name: str, core: CoreFunction, body: bytes, *, has_i64: bool = False) -> None:
        kind = b"\x60" + _vector(core.params) + _vector(core.results)
        self._added[TYPE].append(kind)
        index = self._count(TYPE) + len(self._added[TYPE]) - 1
        self._added[FUNCTION].append(encode_varint(index))
        code = (b"\x01\x01" + bytes([I64]) if has_i64 else b"\x00") + body + END
        self._added[CODE].append(encode_varint(len(code)) + code)
        self._exports[name] = self._next_function
        self._next_function += 1

    def _add_global(self) -> bytes:
        self._added[GLOBAL].append(bytes([I32, 1]) + I32_CONST_0 + END)
        self._next_global += 1
        return encode_varint(self._next_global - 1)

    def _count(self, section: int) -> int:
        content = self._sections.get(section)
        return 0 if content is None else ByteReader(content, "the module").read_leb()

    def _read_exports(self) -> dict[str, int]:
        """Return the function exports; the others are kept as they are written."""
        reader = ByteReader(self._sections.get(EXPORT, b"\0"), "the module")
        found: dict[str, int] = {}
        for _ in range(reader.read_leb()):
            raw = reader.read_leb()
            name = reader.read_text(raw)
            kind, index = reader.read_u8(), reader.read_leb()
            if kind == 0:
                found[name] = index
            else:
                self._added[EXPORT].append(_export(name, kind, index))
        return found

    def _build(self) -> bytes:
        exports = [*self._added[EXPORT], *(_export(n, 0, i) for n, i in self._exports.items())]
        self._sections[EXPORT] = encode_varint(len(exports)) + b"".join(exports)
        for section in (TYPE, FUNCTION, GLOBAL, CODE):
            content = self._sections.get(section, b"\0")
            reader = ByteReader(content, "the module")
            count = reader.read_leb() + len(self._added[section])
            rest = content[reader.position :]
            self._sections[section] = encode_varint(count) + rest + b"".join(self._added[section])
        out = bytearray(MAGIC)
        for section in SECTION_ORDER:
            if section in self._sections:
                content = self._sections[section]
                out += bytes([section]) + encode_varint(len(content)) + content
        for content in self._custom:
            out += bytes([CUSTOM]) + encode_varint(len(content)) + content
        return bytes(out)


def _get(index: int) -> bytes:
    return LOCAL_GET + encode_varint(index)


def _vector(types: Sequence[int]) -> bytes:
    return encode_varint(len(types)) + bytes(types)


def _export(name: str, kind: int, index: int) -> bytes:
    encoded = name.encode()
    return encode_varint(len(encoded)) + encoded + bytes([kind]) + encode_varint(index)
