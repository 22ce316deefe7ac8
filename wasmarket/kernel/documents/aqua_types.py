"""Types of Aqua functions as text, and whether a JSON value is of a type.

`u32`, `string`, `[]T` (an array), `?T` (an array of none or one), the name of a record, `stream`
types as arrays, and `-> ` in what is a function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.shown import shown

Records = Mapping[str, Mapping[str, str]]
"""The fields of each record, with their types."""
ARROW: Final = "->"
MOST_DEPTH: Final = 64


@dataclass(frozen=True, slots=True)
class FlowInterface:
    """What an Aqua function takes, in order, and gives; records are those that it names."""

    arguments: tuple[tuple[str, str], ...] = ()
    results: tuple[str, ...] = ()
    records: dict[str, dict[str, str]] = field(default_factory=dict)

    def bind(self, given: Any) -> dict[str, Any]:
        """Return arguments by name from a JSON array or object of them.

        Raises InvalidInput for what is missing, unknown, or not of its type. Functions among the
        arguments need not be given: what they are told comes back.
        """
        wanted = [(name, kind) for name, kind in self.arguments if ARROW not in kind]
        if isinstance(given, list):
            if len(given) != len(wanted):
                expected = ", ".join(f"{name}: {kind}" for name, kind in wanted)
                raise InvalidInput(f"it takes {len(wanted)} arguments ({expected})")
            given = {name: value for (name, _), value in zip(wanted, given, strict=True)}
        if not isinstance(given, dict):
            raise InvalidInput("arguments come as an array or an object")
        for name in given:
            if name not in dict(wanted):
                raise InvalidInput(f"there is no argument {name[:80]!r}", field=name[:80])
        for name, kind in wanted:
            if name not in given and kind.startswith("?"):
                given = {**given, name: []}
            if name not in given:
                raise InvalidInput(f"the argument {name!r} is missing", field=name)
            check_value(given[name], kind, self.records, name)
        return dict(given)


def _integer(bits: int, *, signed: bool) -> Callable[[Any], bool]:
    least = -(1 << bits - 1) if signed else 0
    most = (1 << bits - 1) - 1 if signed else (1 << bits) - 1
    return lambda value: type(value) is int and least <= value <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SCALARS: Final[dict[str, Callable[[Any], bool]]] = {
    **{f"u{bits}": _integer(bits, signed=False) for bits in (8, 16, 32, 64)},
    **{f"i{bits}": _integer(bits, signed=True) for bits in (8, 16, 32, 64)},
    "f32": _is_number,
    "f64": _is_number,
    "bool": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "topic": lambda value: isinstance(value, str),
    "top": lambda value: True,
    "bottom": lambda value: False,
}


def check_value(value: Any, kind: str, records: Records, where: str, depth: int = 0) -> None:
    """Raise InvalidInput unless a JSON value is of an Aqua type."""
    if depth > MOST_DEPTH:
        raise InvalidInput(f"{where}: nests more than {MOST_DEPTH} deep", field=where)
    if kind.startswith(("[]", "?")):
        inner = kind[2:] if kind.startswith("[]") else kind[1:]
        if not isinstance(value, list) or (kind.startswith("?") and len(value) > 1):
            raise InvalidInput(f"{where}: expected {kind}, an array", field=where)
        for index, item in enumerate(value):
            check_value(item, inner, records, f"{where}[{index}]", depth + 1)
    elif kind in SCALARS:
        if not SCALARS[kind](value):
            raise InvalidInput(f"{where}: expected {kind}, got {shown(value)}", field=where)
    elif kind in records:
        if not isinstance(value, dict):
            raise InvalidInput(f"{where}: expected {kind}, an object", field=where)
        for name, inner in records[kind].items():
            if name in value or not inner.startswith("?"):
                check_value(value.get(name), inner, records, f"{where}.{name}", depth + 1)
    else:
        raise InvalidInput(f"{where}: {kind} is no type of a value", field=where)
