"""Check the arguments of built-in functions, and keep the functions by name."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from wasmarket.kernel.errors import InvalidInput

Pure = Callable[..., Any]
"""A function of its arguments alone. Raises InvalidInput."""
Functions = dict[tuple[str, str], Callable[[Sequence[Any]], Any | Awaitable[Any]]]

MOST_BYTES: Final = 1 << 20
"""Of a text or list that a built-in makes."""


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_unsigned(value: Any) -> bool:
    return _is_integer(value) and bool(value >= 0)


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "any": lambda value: True,
    "string": lambda value: isinstance(value, str),
    "i64": lambda value: _is_integer(value) and -(2**63) <= value < 2**63,
    "u64": lambda value: _is_unsigned(value) and bool(value < 2**64),
    "u32": lambda value: _is_unsigned(value) and bool(value < 2**32),
    "f64": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "byte": lambda value: _is_unsigned(value) and bool(value < 256),
}


def is_of(kind: str, value: Any) -> bool:
    """Say whether a JSON value is of a kind: one of the names above, `[kind]` or `?kind`."""
    if kind.startswith("["):
        return isinstance(value, list) and all(is_of(kind[1:-1], item) for item in value)
    if kind.startswith("?"):
        # An optional value is an array of none or one.
        return value is None or (is_of(f"[{kind[1:]}]", value) and len(value) <= 1)
    return _KINDS[kind](value)


def typed(signature: str, function: Pure) -> Callable[[Sequence[Any]], Any]:
    """Return a function that checks its arguments against a signature such as `i64, ?u32`.

    A last `…` lets the kind before it come any number of times; optional ones may be left out.
    """
    kinds = [kind.strip() for kind in signature.split(",")] if signature else []
    rest = kinds.pop()[:-1] if kinds and kinds[-1].endswith("…") else None
    least = sum(not kind.startswith("?") for kind in kinds)

    def call(arguments: Sequence[Any]) -> Any:
        given = len(arguments)
        if given < least or (rest is None and given > len(kinds)):
            raise InvalidInput(f"it takes ({signature}), and was given {given} arguments")
        for index, value in enumerate(arguments):
            kind = kinds[index] if index < len(kinds) else rest
            if kind is not None and not is_of(kind, value):
                raise InvalidInput(f"argument {index} is no {kind}: it takes ({signature})")
        return function(*arguments)

    return call


def option(value: Any) -> Any:
    """Return what an optional argument holds, None for nothing."""
    return value[0] if isinstance(value, list) and value else None


def bounded(value: Any) -> Any:
    """Return a text or list. Raises InvalidInput if a built-in would make too long a one."""
    if len(value) > MOST_BYTES:
        raise InvalidInput(f"the result would have {len(value)} parts, more than {MOST_BYTES}")
    return value
