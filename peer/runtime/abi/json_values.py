"""Turn JSON into a function's arguments, typed by its signature, and its answer back into JSON.

Integers of 64 bits may also come as decimal strings. Byte arrays come as base64 text or as a list
of numbers from 0 to 255 and leave as base64 text. Floats that JSON cannot hold are the strings
"NaN", "Infinity" and "-Infinity", both ways. What only components know: `wit_values`.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from peer.runtime.abi.guest_types import (
    INTEGER_RANGES,
    SCALARS,
    ArrayType,
    Basic,
    FunctionSignature,
    GuestType,
    NamedType,
    OptionType,
    RecordType,
    describe_type,
    once_per_record,
)
from peer.runtime.abi.wit_values import compile_read_wit, compile_write_wit
from peer.runtime.errors import CallRefused

Read = Callable[[Any, str], Any]
Write = Callable[[Any], Any]

DECIMAL: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
F32_LARGEST: Final = 3.4028235677973366e38
UNUSUAL_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def compile_arguments(signature: FunctionSignature) -> Callable[[bytes], list[Any]]:
    """Return a function from a JSON body to arguments in order; it raises `CallRefused`."""
    readers = [(part.name, _compile_read(part.type)) for part in signature.parameters]
    names = {name for name, _ in readers}
    optional = _list_optional(signature.parameters)
    expected = ", ".join(f"{p.name}: {describe_type(p.type)}" for p in signature.parameters)

    def read(body: bytes) -> list[Any]:
        given = _decode(body) if body else []
        if isinstance(given, dict):
            _check_names(given.keys(), names, "argument", "", optional)
            return [reader(given.get(name), name) for name, reader in readers]
        if not isinstance(given, list):
            raise CallRefused(
                f"the body is {_name_json(given)}, not an array or object of arguments",
                remedy=f"send [{expected}]",
            )
        if len(given) != len(readers):
            raise CallRefused(
                f"{signature.name} takes {len(readers)} arguments ({expected}), got {len(given)}"
            )
        return [reader(v, name) for (name, reader), v in zip(readers, given, strict=True)]

    return read


def compile_result(signature: FunctionSignature) -> Callable[[Any], bytes]:
    """Return a function from the lifted answer to the JSON body `{"result": …}`."""
    write = _compile_write(signature.outputs[0]) if signature.outputs else None

    def encode(value: Any) -> bytes:
        return msgspec.json.encode({"result": value if write is None else write(value)})

    return encode


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise CallRefused(f"the body is not JSON: {error}") from error


def _list_optional(parts: Iterable[NamedType]) -> frozenset[str]:
    """Return the names of parts that may be left out, which is to say none."""
    return frozenset(part.name for part in parts if isinstance(part.type, OptionType))


def _check_names(
    given: Iterable[str],
    names: set[str],
    what: str,
    where: str,
    optional: frozenset[str] = frozenset(),
) -> None:
    keys = set(given)
    for name in sorted(keys - names):
        raise CallRefused(f"there is no {what} {name!r}", field=f"{where}{name}")
    for name in sorted(names - keys - optional):
        raise CallRefused(f"the {what} {name!r} is missing", field=f"{where}{name}")


def _compile_read(guest_type: GuestType) -> Read:
    if isinstance(guest_type, ArrayType):
        return _read_array(guest_type)
    if isinstance(guest_type, RecordType):
        return _read_record(guest_type)
    if not isinstance(guest_type, Basic):
        return compile_read_wit(guest_type, _compile_read)
    if guest_type in INTEGER_RANGES:
        return _read_integer(guest_type)
    return {
        Basic.BOOL: _read_bool,
        Basic.STRING: _read_string,
        Basic.BYTES: _read_bytes,
        Basic.F32: _read_f32,
        Basic.F64: _read_float,
    }[guest_type]


def _read_array(guest_type: ArrayType) -> Read:
    element = _compile_read(guest_type.element)

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _mismatch(where, describe_type(guest_type), value)
        return [element(item, f"{where}[{index}]") for index, item in enumerate(value)]

    return read


@once_per_record
def _read_record(record: RecordType) -> Read:
    name = record.name
    readers = [(part.name, _compile_read(part.type)) for part in record.fields]
    names = {part.name for part in record.fields}
    optional = _list_optional(record.fields)

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(where, f"{name} (an object)", value)
        _check_names(value.keys(), names, "field", f"{where}.", optional)
        return {part: reader(value.get(part), f"{where}.{part}") for part, reader in readers}

    return read


def _read_integer(guest_type: Basic) -> Read:
    least, most = INTEGER_RANGES[guest_type]
    is_wide = SCALARS[guest_type].size == 8
    expected = f"{guest_type.value} ({least} to {most})"

    def read(value: Any, where: str) -> Any:
        number = value
        if is_wide and isinstance(value, str) and DECIMAL.fullmatch(value):
            number = int(value)
        if type(number) is not int:
            raise _mismatch(where, expected, value)
        if not least <= number <= most:
            raise CallRefused(f"{where}: expected {expected}, got {str(value)[:40]}", field=where)
        return number

    return read


def _read_bool(value: Any, where: str) -> Any:
    if not isinstance(value, bool):
        raise _mismatch(where, "bool", value)
    return value


def _read_string(value: Any, where: str) -> Any:
    if not isinstance(value, str):
        raise _mismatch(where, "string", value)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise CallRefused(f"{where}: the string holds half a surrogate", field=where) from error
    return value


def _read_bytes(value: Any, where: str) -> Any:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise CallRefused(f"{where}: the text is not base64", field=where) from error
    if not isinstance(value, list):
        raise _mismatch(where, "bytes (base64 text or a list of 0 to 255)", value)
    for index, item in enumerate(value):
        if type(item) is not int or not 0 <= item <= 255:
            raise _mismatch(f"{where}[{index}]", "a byte (0 to 255)", item)
    return bytes(value)


def _read_float(value: Any, where: str) -> float:
    if isinstance(value, str) and value in UNUSUAL_FLOATS:
        return UNUSUAL_FLOATS[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(where, "a number", value)
    try:
        return float(value)
    except OverflowError as error:
        raise CallRefused(f"{where}: the number is too large for f64", field=where) from error


def _read_f32(value: Any, where: str) -> float:
    number = _read_float(value, where)
    if math.isfinite(number) and abs(number) >= F32_LARGEST:
        raise CallRefused(f"{where}: the number is too large for f32", field=where)
    return number


def _mismatch(where: str, expected: str, value: Any) -> CallRefused:
    return CallRefused(f"{where}: expected {expected}, got {_name_json(value)}", field=where)


def _name_json(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a bool", int: "an integer", float: "a fraction", str: "a string"}
    return names.get(type(value), "an array" if isinstance(value, list) else "an object")


def _compile_write(guest_type: GuestType) -> Write | None:
    """Return None where the lifted value can be encoded as it is."""
    if guest_type in (Basic.F32, Basic.F64):
        return _write_float
    if isinstance(guest_type, ArrayType):
        element = _compile_write(guest_type.element)
        return None if element is None else lambda value: [element(v) for v in value]
    if isinstance(guest_type, RecordType):
        return _compile_write_record(guest_type)
    return None if isinstance(guest_type, Basic) else compile_write_wit(guest_type, _compile_write)


@once_per_record
def _compile_write_record(record: RecordType) -> Write | None:
    parts = [(part.name, _compile_write(part.type)) for part in record.fields]
    if all(write is None for _, write in parts):
        return None
    return lambda value: {
        name: value[name] if write is None else write(value[name]) for name, write in parts
    }


def _write_float(value: Any) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
