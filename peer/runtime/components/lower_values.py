"""Put values of Python into wasmtime's own cells.

Records are dicts, results and variants (case, value), options None or a value, flags and tuples
tuples. Lists of bytes, and of other numbers, are moved as a whole: a call for each element would
take a second for a megabyte.
"""

from collections.abc import Callable
from typing import Any, Final

from peer.runtime.abi.guest_types import (
    ArrayType,
    Basic,
    CharType,
    FlagsType,
    GuestType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
)
from peer.runtime.abi.wit_values import ERROR, OK
from peer.runtime.components.cells import (
    CHAR,
    ENUM,
    FIELDS,
    FLAGS,
    KINDS,
    LIST,
    OPTION,
    RECORD,
    RESULT,
    STRING,
    TUPLE,
    U8,
    UNION_AT,
    VARIANT,
    get_cell_format,
    get_wit_name,
)
from peer.runtime.components.component_cffi import VAL_BYTES
from peer.runtime.execution.wasmtime_cffi import ffi, lib

Lower = Callable[[Any, Any], None]
"""Puts a value into a cell, which owns what it holds from then on."""


def compile_lower(kind: GuestType) -> Lower:
    """Return a function that puts values of a type into cells."""
    return _COMPILERS[type(kind)](kind)


def put_text(name: Any, text: str) -> None:
    """Fill a name, which owns its copy of the text."""
    data = text.encode()
    lib.wasm_byte_vec_new(ffi.addressof(name), len(data), data)


def _lower_scalar(kind: Basic) -> Lower:
    code, field = KINDS[kind], FIELDS[kind]

    def lower(value: Any, cell: Any) -> None:
        cell.kind = code
        setattr(cell.of, field, value)

    return lower


def _lower_text(value: Any, cell: Any) -> None:
    cell.kind = STRING
    data = value.encode()
    lib.wasm_byte_vec_new(ffi.addressof(cell.of, "string"), len(data), data)


def _lower_bytes(value: Any, cell: Any) -> None:
    cell.kind = LIST
    count = len(value)
    lib.wasmtime_component_vallist_new_uninit(ffi.addressof(cell.of, "list"), count)
    if count:
        cells = memoryview(ffi.buffer(cell.of.list.data, count * VAL_BYTES))
        cells[0::VAL_BYTES] = bytes((U8,)) * count
        cells[UNION_AT::VAL_BYTES] = value


_LOWER_BASIC: Final[dict[Basic, Lower]] = {Basic.STRING: _lower_text, Basic.BYTES: _lower_bytes}


def _lower_list(kind: ArrayType) -> Lower:
    cell_format = get_cell_format(kind.element)
    if cell_format is not None:
        assert isinstance(kind.element, Basic)
        code, pack = KINDS[kind.element], cell_format.pack

        def lower_numbers(value: Any, cell: Any) -> None:
            cell.kind = LIST
            count = len(value)
            lib.wasmtime_component_vallist_new_uninit(ffi.addressof(cell.of, "list"), count)
            packed = b"".join([pack(code, item) for item in value])
            ffi.memmove(cell.of.list.data, packed, len(packed))

        return lower_numbers
    element = compile_lower(kind.element)

    def lower(value: Any, cell: Any) -> None:
        cell.kind = LIST
        lib.wasmtime_component_vallist_new_uninit(ffi.addressof(cell.of, "list"), len(value))
        data = cell.of.list.data
        for index, item in enumerate(value):
            element(item, data[index])

    return lower


def _lower_record(kind: RecordType) -> Lower:
    parts = [(part.name, get_wit_name(part.name), compile_lower(part.type)) for part in kind.fields]

    def lower(value: Any, cell: Any) -> None:
        cell.kind = RECORD
        record = ffi.addressof(cell.of, "record")
        lib.wasmtime_component_valrecord_new_uninit(record, len(parts))
        for index, (name, wit_name, put) in enumerate(parts):
            entry = record.data[index]
            put_text(entry.name, wit_name)
            put(value[name], entry.val)

    return lower


def _lower_boxed(lower: Lower | None, value: Any) -> Any:
    """Return a pointer to a cell of its own, NULL where there is no value."""
    if lower is None:
        return ffi.NULL
    made = ffi.new("wm_val_t *")
    lower(value, made)
    # The cell moves: what it holds belongs to the new one.
    return lib.wasmtime_component_val_new(made)


def _lower_option(kind: OptionType) -> Lower:
    element = compile_lower(kind.element)

    def lower(value: Any, cell: Any) -> None:
        cell.kind = OPTION
        cell.of.option = ffi.NULL if value is None else _lower_boxed(element, value)

    return lower


def _lower_result(kind: ResultType) -> Lower:
    lowers = {
        OK: None if kind.ok is None else compile_lower(kind.ok),
        ERROR: None if kind.error is None else compile_lower(kind.error),
    }

    def lower(value: Any, cell: Any) -> None:
        end, inner = value
        cell.kind = RESULT
        cell.of.result.is_ok = end == OK
        cell.of.result.val = _lower_boxed(lowers[end], inner)

    return lower


def _lower_variant(kind: VariantType) -> Lower:
    lowers = {
        case.name: None if case.type is None else compile_lower(case.type) for case in kind.cases
    }

    def lower(value: Any, cell: Any) -> None:
        name, inner = value
        cell.kind = VARIANT
        put_text(cell.of.variant.discriminant, get_wit_name(name))
        cell.of.variant.val = _lower_boxed(lowers[name], inner)

    return lower


def _lower_enum(value: Any, cell: Any) -> None:
    cell.kind = ENUM
    put_text(cell.of.enumeration, get_wit_name(value[0]))


def _lower_flags(value: Any, cell: Any) -> None:
    cell.kind = FLAGS
    flags = ffi.addressof(cell.of, "flags")
    lib.wasmtime_component_valflags_new_uninit(flags, len(value))
    for index, name in enumerate(value):
        put_text(flags.data[index], get_wit_name(name))


def _lower_tuple(kind: TupleType) -> Lower:
    parts = [compile_lower(part) for part in kind.parts]

    def lower(value: Any, cell: Any) -> None:
        cell.kind = TUPLE
        lib.wasmtime_component_valtuple_new_uninit(ffi.addressof(cell.of, "tuple"), len(parts))
        data = cell.of.tuple.data
        for index, (put, item) in enumerate(zip(parts, value, strict=True)):
            put(item, data[index])

    return lower


def _lower_char(value: Any, cell: Any) -> None:
    cell.kind = CHAR
    cell.of.character = ord(value)


def _lower_basic(kind: Basic) -> Lower:
    return _LOWER_BASIC[kind] if kind in _LOWER_BASIC else _lower_scalar(kind)


def _lower_either(kind: VariantType) -> Lower:
    return _lower_enum if kind.is_enumeration else _lower_variant(kind)


_COMPILERS: Final[dict[type, Callable[[Any], Lower]]] = {
    Basic: _lower_basic,
    ArrayType: _lower_list,
    RecordType: _lower_record,
    OptionType: _lower_option,
    TupleType: _lower_tuple,
    ResultType: _lower_result,
    VariantType: _lower_either,
    FlagsType: lambda kind: _lower_flags,
    CharType: lambda kind: _lower_char,
}
