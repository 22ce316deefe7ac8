"""Events of any contract, by the fragment of its ABI that an app gives. Pure.

A fragment is written as Solidity has it: `Transfer(address indexed from, address indexed to,
uint256 value)`. Values become JSON: whole numbers up to 64 bits are numbers, longer ones decimal
text; addresses have their checksum, bytes are `0x…`; of an indexed text or list only its hash is
on chain.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.shown import shown

MAX_INPUTS: Final = 32
MAX_INDEXED: Final = 3
NUMBER_BITS: Final = 64
"""Longer whole numbers are text in JSON."""
EXAMPLE: Final = "Transfer(address indexed from, address indexed to, uint256 value)"
_EVENT: Final = re.compile(r"(?:event\s+)?([A-Za-z_$][A-Za-z0-9_$]{0,127})\s*\(([^()]*)\)\s*;?")
_INPUT: Final = re.compile(
    r"([a-z]+)([0-9]*)((?:\[[0-9]{0,6}\])*)\s+(?:(indexed)\s+)?([A-Za-z_$][A-Za-z0-9_$]{0,127})"
)
_HEX: Final = re.compile(r"0x([0-9a-f]{2})*")


@dataclass(frozen=True, slots=True)
class FragmentInput:
    """One argument of an event; `type` as its signature has it."""

    name: str
    type: str
    indexed: bool

    @property
    def is_hashed(self) -> bool:
        """Whether the chain has only the hash of its value."""
        return self.indexed and (self.type in ("string", "bytes") or self.type.endswith("]"))


@dataclass(frozen=True, slots=True)
class EventFragment:
    """An event of a contract."""

    name: str
    inputs: tuple[FragmentInput, ...]

    @property
    def signature(self) -> str:
        """Return name and types, of which the topic is made; names of arguments are free."""
        return f"{self.name}({','.join(part.type for part in self.inputs)})"

    @property
    def topic(self) -> str:
        """Return what the first topic of its logs is."""
        return "0x" + keccak(self.signature.encode()).hex()

    def sample(self) -> dict[str, Any]:
        """Return arguments of the right types, as a call would get them."""
        return {part.name: _sample(part) for part in self.inputs}


def parse_fragment(text: str, field: str) -> EventFragment:
    """Read a fragment. Raises InvalidInput that names `field` and what does not fit."""
    matched = _EVENT.fullmatch(text.strip())
    if matched is None:
        raise _wrong(field, f"{shown(text)}, which is no event", f"write it as `{EXAMPLE}`")
    inside = matched[2].strip()
    inputs = tuple(_parse_input(part, field) for part in inside.split(",")) if inside else ()
    names = [part.name for part in inputs]
    if len(set(names)) < len(names):
        raise _wrong(field, f"{shown(text)}, two arguments of which have one name", "rename one")
    if len(inputs) > MAX_INPUTS or sum(part.indexed for part in inputs) > MAX_INDEXED:
        raise _wrong(
            field,
            f"{shown(text)}, which has too many arguments",
            f"an event has at most {MAX_INDEXED} indexed ones, and {MAX_INPUTS} in all here",
        )
    return EventFragment(matched[1], inputs)


def parse_filters(
    given: Mapping[str, Any], fragment: EventFragment, field: str
) -> dict[str, list[Any]]:
    """Return which values each filtered argument may have, as `to_json` writes them.

    Raises InvalidInput for an argument that the event does not have, or a value not of its type.
    """
    known = {part.name: part for part in fragment.inputs}
    filters: dict[str, list[Any]] = {}
    for name, value in given.items():
        if name not in known:
            raise _wrong(
                f"{field}.{name}",
                "of no argument of the event",
                f"it has {', '.join(known) or 'none'}",
            )
        part = known[name]
        if part.is_hashed or part.type.endswith("]"):
            raise _wrong(f"{field}.{name}", f"of type {part.type}", "filter by another argument")
        values = value if isinstance(value, list) else [value]
        filters[name] = [_parse_value(part.type, entry, f"{field}.{name}") for entry in values]
    return filters


def is_wanted(values: Mapping[str, Any], filters: Mapping[str, list[Any]]) -> bool:
    """Say whether an event's arguments pass its filters."""
    return all(values[name] in allowed for name, allowed in filters.items())


def to_json(kind: str, value: Any) -> Any:
    """Return a decoded value as a call gets it; addresses and texts are ready, bytes are not."""
    if kind.endswith("]"):
        element = kind[: kind.rindex("[")]
        return [to_json(element, entry) for entry in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return value if _bits(kind) <= NUMBER_BITS else str(value)


def _parse_input(text: str, field: str) -> FragmentInput:
    matched = _INPUT.fullmatch(text.strip())
    if matched is None:
        raise _wrong(
            field,
            f"an event with the argument {shown(text.strip())}",
            f"write type, `indexed` or not, and name of each: `{EXAMPLE}`",
        )
    base, size, lists, indexed, name = matched.groups()
    if base in ("uint", "int") and not size:
        size = "256"
    if not _is_type(base, size):
        raise _wrong(
            field,
            f"an event with the type {shown(base + size)}",
            "give elementary types of Solidity, or lists of them",
        )
    return FragmentInput(name, base + size + lists, indexed is not None)


def _is_type(base: str, size: str) -> bool:
    if base in ("uint", "int"):
        return size in {str(bits) for bits in range(8, 257, 8)}
    if base == "bytes":
        return not size or size in {str(count) for count in range(1, 33)}
    return base in ("address", "bool", "string") and not size


def _bits(kind: str) -> int:
    return int(kind.removeprefix("u").removeprefix("int"))


def _parse_value(kind: str, value: Any, field: str) -> Any:
    if kind == "address":
        return parse_address(value, field=field)
    if kind.startswith(("uint", "int")) and isinstance(value, int | str):
        if isinstance(value, int) and not isinstance(value, bool):
            return to_json(kind, value)
        if re.fullmatch(r"-?[0-9]{1,78}", str(value)):
            return to_json(kind, int(value))
    elif (kind == "bool" and isinstance(value, bool)) or (
        isinstance(value, str)
        and (kind == "string" or (kind.startswith("bytes") and _HEX.fullmatch(value)))
    ):
        return value
    raise _wrong(field, f"{shown(value)}, which is no {kind}", "give a value of that type")


def _sample(part: FragmentInput) -> Any:
    if part.is_hashed:
        return "0x" + "00" * 32
    if part.type.endswith("]"):
        return []
    if part.type.startswith("bytes"):
        return "0x" + "00" * int(part.type.removeprefix("bytes") or "0")
    plain: dict[str, Any] = {"address": ZERO_ADDRESS, "bool": False, "string": ""}
    return plain[part.type] if part.type in plain else to_json(part.type, 0)


def _wrong(field: str, what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{field} is {what}", field=field, remedy=remedy)
