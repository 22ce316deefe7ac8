"""Write the `interface-types` section of a Marine module from typed signatures."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from peer.runtime.abi.guest_types import (
    BYTE_TAG,
    SCALARS,
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    RecordType,
    describe_type,
)
from peer.runtime.abi.interface_types import (
    ADAPTERS,
    API_FUNCTIONS,
    ARRAY_CODE,
    BASIC_CODES,
    EXPORTS,
    FUNCTION_TYPE,
    IMPLEMENTATIONS,
    IMPORTS,
    RECORD_CODE,
    RECORD_TYPE,
    TYPES,
    VERSION,
)
from peer.runtime.errors import ModuleError
from wasmarket.kernel.documents.varints import encode_varint

WRITTEN_VERSION: Final = "0.20.0"
TYPE_CODES: Final = {basic: code for code, basic in BASIC_CODES.items()}
ALLOCATE, RELEASE, RESULT_SIZE, RESULT_PTR = range(4)
ARG_GET, CALL_CORE, PUSH_I32 = 0x00, 0x01, 0x40
BOOL_FROM_I32, I32_FROM_BOOL = 0x3E, 0x3F
ARRAY_LIFT, ARRAY_LOWER, RECORD_LIFT, RECORD_LOWER = 0x37, 0x38, 0x3A, 0x3B
# size, lower, lift
SEQUENCES: Final = {Basic.STRING: (0x24, 0x23, 0x22), Basic.BYTES: (0x45, 0x44, 0x43)}
# (core to interface, interface to core); types that are core types need no conversion
CONVERSIONS: Final = {
    Basic.S8: (0x02, 0x0A),
    Basic.S16: (0x04, 0x0B),
    Basic.S32: (0x06, 0x0C),
    Basic.S64: (0x09, 0x11),
    Basic.U8: (0x12, 0x1A),
    Basic.U16: (0x14, 0x1B),
    Basic.U32: (0x16, 0x1C),
    Basic.U64: (0x19, 0x21),
    Basic.BOOL: (BOOL_FROM_I32, I32_FROM_BOOL),
}
# allocate(size: i32) -> i32, release_objects(), get_result_size() -> i32, …, setters (i32)
API_TYPES: Final[tuple[tuple[tuple[tuple[str, GuestType], ...], tuple[GuestType, ...]], ...]] = (
    ((("size", Basic.I32),), (Basic.I32,)),
    ((), ()),
    ((), (Basic.I32,)),
    ((), (Basic.I32,)),
    ((("size", Basic.I32),), ()),
    ((("ptr", Basic.I32),), ()),
)


def encode_interface(
    signatures: Sequence[FunctionSignature], imports: Sequence[tuple[str, FunctionSignature]] = ()
) -> bytes:
    """Return the section's content; `imports` are functions of other modules, by module name.

    Raise `ModuleError` for names that the format cannot hold.
    """
    return _Encoder().encode(signatures, imports)


def encode_name(text: str) -> bytes:
    """Write a name with its one length byte."""
    encoded = text.encode()
    if not encoded or len(encoded) > 255:
        raise ModuleError(f"the name {text[:40]!r} must have 1 to 255 bytes")
    return bytes([len(encoded)]) + encoded


class _Encoder:
    """Gather types in order, so that records precede the functions that use them."""

    def __init__(self) -> None:
        self._types: list[bytes] = []
        self._records: dict[RecordType, int] = {}

    def encode(
        self,
        signatures: Sequence[FunctionSignature],
        imports: Sequence[tuple[str, FunctionSignature]],
    ) -> bytes:
        exports, adapters, implementations = [], [], []
        for name, (inputs, outputs) in zip(API_FUNCTIONS, API_TYPES, strict=True):
            exports.append(encode_name(name) + encode_varint(self._add_function(inputs, outputs)))
        for position, signature in enumerate(signatures, start=len(API_FUNCTIONS)):
            inputs = tuple((part.name, part.type) for part in signature.parameters)
            core = self._add_function(inputs, signature.outputs)
            adapter = self._add_function(inputs, signature.outputs)
            exports.append(encode_name(signature.name) + encode_varint(core))
            instructions = self._adapt(signature, position)
            adapters.append(encode_varint(adapter) + _short_list(instructions))
            implementations.append(encode_varint(core) + encode_varint(adapter))
        imported = []
        for module, wanted in imports:
            inputs = tuple((part.name, part.type) for part in wanted.parameters)
            path = encode_name(module) + encode_name(wanted.name)
            # The interface type first, then the core type, as Marine's own tools write them.
            imported += [
                path + encode_varint(self._add_function(inputs, wanted.outputs)) for _ in range(2)
            ]
        parts = {
            TYPES: self._types,
            IMPORTS: imported,
            ADAPTERS: adapters,
            EXPORTS: exports,
            IMPLEMENTATIONS: implementations,
        }
        out = bytes([VERSION]) + encode_name(WRITTEN_VERSION)
        for kind, entries in parts.items():
            if not entries and kind == IMPORTS:
                continue  # keeps the bytes of modules that import nothing as they were
            out += bytes([kind]) + encode_varint(len(entries)) + b"".join(entries)
        return out

    def _add_function(
        self, inputs: Iterable[tuple[str, GuestType]], outputs: Iterable[GuestType]
    ) -> int:
        fields = [encode_name(name) + self._encode_type(part) for name, part in inputs]
        results = [self._encode_type(part) for part in outputs]
        self._types.append(bytes([FUNCTION_TYPE]) + _short_list(fields) + _short_list(results))
        return len(self._types) - 1

    def _encode_type(self, guest_type: GuestType) -> bytes:
        if isinstance(guest_type, ArrayType):
            return bytes([ARRAY_CODE]) + self._encode_type(guest_type.element)
        if isinstance(guest_type, RecordType):
            return bytes([RECORD_CODE]) + encode_varint(self._add_record(guest_type))
        return bytes([TYPE_CODES[_get_basic(guest_type)]])

    def _add_record(self, record: RecordType) -> int:
        if record not in self._records:
            fields = [encode_name(p.name) + self._encode_type(p.type) for p in record.fields]
            self._types.append(
                bytes([RECORD_TYPE]) + encode_name(record.name) + _short_list(fields)
            )
            self._records[record] = len(self._types) - 1
        return self._records[record]

    def _adapt(self, signature: FunctionSignature, position: int) -> list[bytes]:
        lowered = (self._lower(index, part.type) for index, part in enumerate(signature.parameters))
        instructions = [*chain.from_iterable(lowered), _with(CALL_CORE, position)]
        if signature.outputs:
            instructions += self._lift(signature.outputs[0])
        return instructions

    def _lower(self, index: int, guest_type: GuestType) -> list[bytes]:
        get = _with(ARG_GET, index)
        if isinstance(guest_type, ArrayType):
            return [get, bytes([ARRAY_LOWER]) + self._encode_type(guest_type.element)]
        if isinstance(guest_type, RecordType):
            return [get, _with(RECORD_LOWER, self._records[guest_type])]
        if guest_type in SCALARS:
            conversion = CONVERSIONS.get(guest_type)
            return [get] if conversion is None else [get, bytes([conversion[1]])]
        size, lower, _ = SEQUENCES[_get_basic(guest_type)]
        allocate = _with(CALL_CORE, ALLOCATE)
        return [get, bytes([size]), _with(PUSH_I32, BYTE_TAG), allocate, get, bytes([lower])]

    def _lift(self, guest_type: GuestType) -> list[bytes]:
        fetch = [_with(CALL_CORE, RESULT_PTR), _with(CALL_CORE, RESULT_SIZE)]
        release = _with(CALL_CORE, RELEASE)
        if isinstance(guest_type, ArrayType):
            lift = bytes([ARRAY_LIFT]) + self._encode_type(guest_type.element)
            return [*fetch, lift, release]
        if isinstance(guest_type, RecordType):
            return [fetch[0], _with(RECORD_LIFT, self._records[guest_type]), release]
        if guest_type in SCALARS:
            conversion = CONVERSIONS.get(guest_type)
            return [] if conversion is None else [bytes([conversion[0]])]
        return [*fetch, bytes([SEQUENCES[_get_basic(guest_type)][2]]), release]


def _get_basic(guest_type: GuestType) -> Basic:
    """Return a type that has no parts; raise `ModuleError` for one that Marine does not know."""
    if not isinstance(guest_type, Basic):
        raise ModuleError(f"Marine has no type {describe_type(guest_type)}")
    return guest_type


def _with(instruction: int, operand: int) -> bytes:
    return bytes([instruction]) + encode_varint(operand)


def _short_list(entries: Sequence[bytes]) -> bytes:
    if len(entries) > 255:
        raise ModuleError("interface-types cannot hold lists of more than 255 entries")
    return bytes([len(entries)]) + b"".join(entries)
