"""Built-ins that depend on their arguments alone: op, math, cmp, array, json, debug."""

import math
from typing import Any, Final

import msgspec

from peer.choreography.builtins.arguments import Functions, Pure, bounded, typed
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.multibase import decode_base58, encode_base58

SHA256_MULTIHASH: Final = b"\x12\x20"
MOST_POWER: Final = 64
"""No integer but 0, 1 and -1 to a higher power fits into 64 bits."""


def to_json_text(value: Any) -> str:
    """Write a value as JSON."""
    return bounded(msgspec.json.encode(value).decode())  # type: ignore[no-any-return]


def _i64(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise InvalidInput("the result does not fit into 64 bits")
    return value


def _div(x: int, y: int) -> int:
    if y == 0:
        raise InvalidInput("division by zero")
    quotient = abs(x) // abs(y)  # towards zero, as peers in Rust do it
    return _i64(quotient if (x < 0) == (y < 0) else -quotient)


def _pow(x: int, y: int) -> int:
    if y > MOST_POWER and abs(x) > 1:
        raise InvalidInput("the result does not fit into 64 bits")
    return _i64(x ** (y if abs(x) > 1 else min(y, 2 + y % 2)))


def _log(base: int, x: int) -> int:
    if base < 2 or x < 1:
        raise InvalidInput("log takes a base of 2 or more and a number of 1 or more")
    power = 0
    while x >= base:
        x //= base
        power += 1
    return power


def _fmul(x: float, y: float) -> int:
    product = x * y
    if not math.isfinite(product):
        raise InvalidInput("the result does not fit into 64 bits")
    return _i64(math.floor(product))


def _dedup(values: list[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for value in values:
        seen.setdefault(to_json_text(value), value)
    return list(seen.values())


def _only(one: list[Any], other: list[Any], *, common: bool) -> list[Any]:
    known = {to_json_text(value) for value in other}
    return [value for value in one if (to_json_text(value) in known) is common]


def _slice(values: list[Any], start: int, end: int) -> list[Any]:
    if start > end or end > len(values):
        raise InvalidInput(f"{start} to {end} is no part of a list of {len(values)}")
    return values[start:end]


def _pairs(flat: tuple[Any, ...]) -> dict[str, Any]:
    if len(flat) % 2:
        raise InvalidInput(f"keys and values come in pairs, {len(flat)} is odd")
    keys, values = flat[::2], flat[1::2]
    if not all(isinstance(key, str) for key in keys):
        raise InvalidInput("a key is no string")
    return dict(zip(keys, values, strict=True))


def _from_pairs(pairs: list[Any]) -> dict[str, Any]:
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise InvalidInput("it takes a list of [key, value]")
    return _pairs(tuple(part for pair in pairs for part in pair))


def _put(target: dict[str, Any], *flat: Any) -> dict[str, Any]:
    if not flat:
        raise InvalidInput("it takes an object and at least one key and value")
    return target | _pairs(flat)


def _parse(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"the text is not JSON: {error}") from error


def _to_bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("the text holds half a surrogate") from error


def _from_b58(text: str) -> bytes:
    return decode_base58(text)


def _text_from_b58(text: str) -> str:
    try:
        return _from_b58(text).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("the bytes are no UTF-8") from error


def _short(data: bytes) -> str:
    # The base is not one of bits: the work grows with the square of the length.
    if len(data) > 4_096:
        raise InvalidInput("base58 is for at most 4096 bytes")
    return encode_base58(data)


def _concat(*lists: list[Any]) -> list[Any]:
    return bounded([item for part in lists for item in part])  # type: ignore[no-any-return]


def _stringify(*values: Any) -> str:
    if not values:
        return "<empty argument list>"
    return to_json_text(values[0] if len(values) == 1 else list(values))


_OP: Final[dict[str, tuple[str, Pure]]] = {
    "noop": ("any…", lambda *_: {}),
    "array": ("any…", lambda *values: list(values)),
    "array_length": ("[any]", len),
    "concat": ("[any]…", _concat),
    "concat_strings": ("string…", lambda *texts: bounded("".join(texts))),
    "string_to_b58": ("string", lambda text: _short(_to_bytes(text))),
    "string_from_b58": ("string", _text_from_b58),
    "bytes_to_b58": ("[byte]", lambda data: _short(bytes(data))),
    "bytes_from_b58": ("string", lambda text: list(_from_b58(text))),
    "sha256_string": (
        "string",
        lambda text: encode_base58(SHA256_MULTIHASH + sha256(_to_bytes(text))),
    ),
}
_MATH: Final[dict[str, tuple[str, Pure]]] = {
    "add": ("i64, i64", lambda x, y: _i64(x + y)),
    "sub": ("i64, i64", lambda x, y: _i64(x - y)),
    "mul": ("i64, i64", lambda x, y: _i64(x * y)),
    "div": ("i64, i64", _div),
    "rem": ("i64, i64", lambda x, y: x - y * _div(x, y)),
    "pow": ("i64, u32", _pow),
    "log": ("i64, i64", _log),
    "fmul": ("f64, f64", _fmul),
}
_CMP: Final[dict[str, tuple[str, Pure]]] = {
    "gt": ("i64, i64", lambda x, y: x > y),
    "gte": ("i64, i64", lambda x, y: x >= y),
    "lt": ("i64, i64", lambda x, y: x < y),
    "lte": ("i64, i64", lambda x, y: x <= y),
    "cmp": ("i64, i64", lambda x, y: (x > y) - (x < y)),
}
_ARRAY: Final[dict[str, tuple[str, Pure]]] = {
    "sum": ("[i64]", lambda values: _i64(sum(values))),
    "dedup": ("[any]", _dedup),
    "intersect": ("[any], [any]", lambda x, y: _only(x, y, common=True)),
    "diff": ("[any], [any]", lambda x, y: _only(x, y, common=False)),
    "sdiff": ("[any], [any]", lambda x, y: _only(x, y, common=False) + _only(y, x, common=False)),
    "slice": ("[any], u32, u32", _slice),
    "length": ("[any]", len),
}
_JSON: Final[dict[str, tuple[str, Pure]]] = {
    "obj": ("any…", lambda *flat: _pairs(flat)),
    "put": ("object, string, any", lambda target, key, value: {**target, key: value}),
    "puts": ("object, any…", _put),
    "parse": ("string", _parse),
    "stringify": ("any", to_json_text),
    "obj_pairs": ("[any]", _from_pairs),
    "puts_pairs": ("object, [any]", lambda target, pairs: target | _from_pairs(pairs)),
}
_DEBUG: Final[dict[str, tuple[str, Pure]]] = {"stringify": ("any…", _stringify)}


def build_value_functions() -> Functions:
    """Return these functions by service and name."""
    services = {
        "op": _OP,
        "math": _MATH,
        "cmp": _CMP,
        "array": _ARRAY,
        "json": _JSON,
        "debug": _DEBUG,
    }
    typed_ones: Functions = {
        (service, name): typed(kinds, pure)
        for service, functions in services.items()
        for name, (kinds, pure) in functions.items()
    }
    return typed_ones | {("op", "identity"): _identity}


def _identity(arguments: Any) -> Any:
    if len(arguments) > 1:
        raise InvalidInput("it takes one argument or none")
    return arguments[0] if arguments else {}
