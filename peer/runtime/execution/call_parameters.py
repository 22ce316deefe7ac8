"""Fill the record in which a guest receives its call parameters, as the guest declares it.

SDKs differ: old ones have `particle_id` and `init_peer_id` beside the rest, those of API version 3
a nested `particle` with `id` and `init_peer_id`. Every field is filled by its name; one that
nobody knows is empty.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from peer.runtime.abi.guest_types import (
    INTEGER_RANGES,
    ArrayType,
    Basic,
    GuestType,
    RecordType,
    once_per_record,
)

Fill = Callable[[Any], Any]
PARTICLE: Final = "particle"
# Names that fields of the nested particle have at the top level of older SDKs.
FLAT_NAMES: Final = {"id": "particle_id"}
# The last field of a tetraplet changed its name twice.
LENS_NAMES: Final = ("lens", "lambda", "json_path")


def complete_parameters(given: Mapping[str, Any], argument_count: int) -> dict[str, Any]:
    """Add tetraplets where none were given: each argument comes from the caller itself."""
    values = dict(given)
    if "tetraplets" not in values:
        particle = values.get(PARTICLE)
        nested = particle.get("init_peer_id", "") if isinstance(particle, Mapping) else ""
        caller = values.get("init_peer_id", nested)
        origin = {"peer_pk": caller, "service_id": "", "function_name": "", "lens": ""}
        values["tetraplets"] = [[origin]] * argument_count
    return values


def compile_parameters(record: RecordType) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function from parameters by name to a value of the record."""
    fill = compile_fill(record)

    def build(values: Mapping[str, Any]) -> Any:
        particle = values.get(PARTICLE)
        known = dict(particle) if isinstance(particle, Mapping) else {}
        flat = {name: values[name] for name in values if name != PARTICLE}
        nested = {**flat, **known}
        for inner, outer in FLAT_NAMES.items():
            if inner not in known and outer in values:
                nested[inner] = values[outer]
            if inner in known:
                flat.setdefault(outer, known[inner])
        for name, value in known.items():
            flat.setdefault(name, value)
        return fill({**flat, PARTICLE: nested})

    return build


def compile_fill(guest_type: GuestType) -> Fill:
    """Return a function that makes a value of the type out of anything, empty if it cannot."""
    if isinstance(guest_type, RecordType):
        return _compile_fill_record(guest_type)
    if isinstance(guest_type, ArrayType):
        element = compile_fill(guest_type.element)
        return lambda value: [element(item) for item in value] if _is_list(value) else []
    if guest_type in INTEGER_RANGES:
        least, most = INTEGER_RANGES[guest_type]
        return lambda value: value if type(value) is int and least <= value <= most else 0
    kinds: dict[GuestType, Fill] = {
        Basic.STRING: _fill_string,
        Basic.BYTES: lambda value: value if isinstance(value, bytes) else b"",
        Basic.BOOL: lambda value: value is True,
    }
    return kinds.get(
        guest_type, lambda value: float(value) if isinstance(value, int | float) else 0.0
    )


def _fill_string(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else ""


@once_per_record
def _compile_fill_record(record: RecordType) -> Fill:
    parts = [(part.name, compile_fill(part.type)) for part in record.fields]
    return lambda value: {name: fill(_get_field(value, name)) for name, fill in parts}


def _get_field(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        return None
    names = (name, *LENS_NAMES) if name in LENS_NAMES else (name,)
    return next((value[known] for known in names if known in value), None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
