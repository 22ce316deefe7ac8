"""Write and read JSON that has one spelling only: RFC 8785, integers only, within ±(2^53 − 1)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wasmarket.kernel.errors import InvalidInput

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64
"""Objects and lists within one another; a bound of our own, since the interpreter's varies."""

_ADVICE = "write it with sorted keys, no spaces and integers only (RFC 8785)"


def dump_canonical(value: Any) -> bytes:
    """Return the one spelling of `value`, UTF-8. Raises InvalidInput for what has none."""
    parts: list[str] = []
    _write(value, parts, "", 0)
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("a string holds half of a surrogate pair") from error


def parse_canonical(data: bytes) -> Any:
    """Read canonical JSON. Raises InvalidInput that says where it is not."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_integer,
        )
        spelling = dump_canonical(value)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"byte {error.start} is not UTF-8", remedy=_ADVICE) from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise _too_deep() from error
    if spelling != data:
        at = next(
            (i for i, (a, b) in enumerate(zip(spelling, data, strict=False)) if a != b),
            min(len(spelling), len(data)),
        )
        raise InvalidInput(f"not canonical JSON from byte {at} on", remedy=_ADVICE)
    return value


def _write(value: Any, parts: list[str], path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _too_deep()
    match value:
        case None:
            parts.append("null")
        case bool():
            parts.append("true" if value else "false")
        case int():
            if abs(value) > MAX_INTEGER:
                raise InvalidInput(
                    f"{value} is not an integer of JSON",
                    field=path or None,
                    remedy="write it as a decimal string",
                )
            parts.append(str(value))
        case str():
            parts.append(json.dumps(value, ensure_ascii=False))
        case Mapping():
            _write_object(value, parts, path, depth)
        case Sequence() if not isinstance(value, bytes | bytearray):
            for index, item in enumerate(value):
                parts.append("," if index else "[")
                _write(item, parts, f"{path}[{index}]", depth + 1)
            parts.append("]" if value else "[]")
        case _:
            raise InvalidInput(
                f"a {type(value).__name__} has no place in canonical JSON", field=path or None
            )


def _write_object(value: Mapping[Any, Any], parts: list[str], path: str, depth: int) -> None:
    if not all(isinstance(key, str) for key in value):
        raise InvalidInput("a key is not a string", field=path or None)
    # RFC 8785 sorts by UTF-16 code units, which differs from Python's order beyond the BMP.
    keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    for index, key in enumerate(keys):
        parts.append("," if index else "{")
        parts.append(json.dumps(key, ensure_ascii=False))
        parts.append(":")
        _write(value[key], parts, f"{path}.{key}" if path else key, depth + 1)
    parts.append("}" if keys else "{}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidInput(f"the key {twice!r} appears twice")
    return result


def _too_deep() -> InvalidInput:
    return InvalidInput("nested too deeply", remedy=f"keep it to {MAX_DEPTH} levels")


def _integer(text: str) -> int:
    # The length is checked first: converting a million digits takes seconds.
    if len(text) > len(str(MAX_INTEGER)) + 1 or abs(int(text)) > MAX_INTEGER:
        raise InvalidInput(f"{text[:40]} is beyond 2^53 − 1", remedy="write a smaller number")
    return int(text)


def _refuse_number(text: str) -> Any:
    raise InvalidInput(f"{text[:40]} is not an integer", remedy=_ADVICE)
