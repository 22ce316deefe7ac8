"""Turn JSON into values of a component's own types and back.

An option is its value or null. A result is `{"ok": value}` or `{"err": value}`, a variant the name
of its case or `{"case": value}` where that has one. Flags are a list of names, tuples arrays, a
char is text of one character.
"""

from collections.abc import Callable
from typing import Any, Final

from peer.runtime.abi.guest_types import (
    CharType,
    FlagsType,
    GuestType,
    OptionType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
    describe_type,
)
from peer.runtime.errors import CallRefused

Read = Callable[[Any, str], Any]
Write = Callable[[Any], Any]
Compile = Callable[[GuestType], Any]
"""Returns how a type is read, or how it is written (None: as it is)."""
OK: Final = "ok"
ERROR: Final = "err"


def compile_read_wit(kind: WitType, compile_read: Compile) -> Read:
    """Return a function from JSON to a value: options None or the value, results and variants
    (case, value), tuples and flags tuples. It raises `CallRefused`.
    """
    if isinstance(kind, OptionType):
        inner = compile_read(kind.element)
        return lambda value, where: None if value is None else inner(value, where)
    if isinstance(kind, TupleType):
        return _read_tuple(kind, [compile_read(part) for part in kind.parts])
    if isinstance(kind, FlagsType):
        return _read_flags(kind)
    if isinstance(kind, CharType):
        return _read_char
    return _read_case(kind, list_cases(kind), compile_read)


def list_cases(kind: ResultType | VariantType) -> dict[str, GuestType | None]:
    """Return the cases by name, each with the type of its value or None."""
    if isinstance(kind, ResultType):
        return {OK: kind.ok, ERROR: kind.error}
    return {case.name: case.type for case in kind.cases}


def _read_tuple(kind: TupleType, readers: list[Read]) -> Read:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            raise _mismatch(where, f"an array of {len(readers)}: {describe_type(kind)}")
        return tuple(
            reader(part, f"{where}[{index}]")
            for index, (reader, part) in enumerate(zip(readers, value, strict=True))
        )

    return read


def _read_flags(kind: FlagsType) -> Read:
    known = frozenset(kind.flags)

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list) or not all(
            isinstance(name, str) and name in known for name in value
        ):
            raise _mismatch(where, f"a list of {', '.join(kind.flags)}")
        return tuple(name for name in kind.flags if name in value)

    return read


def _read_char(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF:
        raise _mismatch(where, "a char: text of one character")
    return value


def _read_case(
    kind: ResultType | VariantType, cases: dict[str, GuestType | None], compile_read: Compile
) -> Read:
    readers = {name: None if part is None else compile_read(part) for name, part in cases.items()}
    expected = ", ".join(
        f'"{name}"' if part is None else f'{{"{name}": {describe_type(part)}}}'
        for name, part in cases.items()
    )

    def read(value: Any, where: str) -> Any:
        if isinstance(value, str) and value in readers and readers[value] is None:
            return value, None
        if isinstance(value, dict) and len(value) == 1:
            name, inner = next(iter(value.items()))
            reader = readers.get(name)
            if reader is not None:
                return name, reader(inner, f"{where}.{name}")
            if name in readers and inner is None:
                return name, None
        raise _mismatch(where, f"{describe_type(kind)}, one of {expected}")

    return read


def compile_write_wit(kind: WitType, compile_write: Compile) -> Write | None:
    """Return a function from a value to what JSON holds of it, None where that is the value."""
    if isinstance(kind, OptionType):
        inner = compile_write(kind.element)
        return inner and (lambda value: None if value is None else inner(value))
    if isinstance(kind, TupleType):
        parts = [compile_write(part) for part in kind.parts]
        return lambda value: [
            part if write is None else write(part) for write, part in zip(parts, value, strict=True)
        ]
    if isinstance(kind, FlagsType | CharType):
        return None
    return _write_case(kind, list_cases(kind), compile_write)


def _write_case(
    kind: ResultType | VariantType, cases: dict[str, GuestType | None], compile_write: Compile
) -> Write:
    writers = {name: None if part is None else compile_write(part) for name, part in cases.items()}
    is_result = isinstance(kind, ResultType)

    def write(value: Any) -> Any:
        name, inner = value
        if cases[name] is None:
            return {name: None} if is_result else name
        writer = writers[name]
        return {name: inner if writer is None else writer(inner)}

    return write


def _mismatch(where: str, expected: str) -> CallRefused:
    return CallRefused(f"{where}: expected {expected}", field=where)
