"""Events as JSON (DESIGN 8.1): numbers for ids, epochs and counts, strings for every uint256."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec.json import encode as to_json
from msgspec.structs import fields

from wasmarket.kernel.events import EVENTS, Event
from wasmarket.kernel.units import Address, Hash

NUMBERS = frozenset(
    {
        "assignment",
        "case",
        "deal",
        "end",
        "epoch",
        "kind",
        "last",
        "fines",
        "memory_mib",
        "outcome",
        "peer",
        "place",
        "quit",
        "ready",
        "reason",
        "region",
        "run",
        "seat",
        "since",
        "skipped",
        "state",
        "units",
        "why",
    }
)
"""Members that the contracts keep small; what a caller may have made huge is written as text."""

SAFE = 2**53
"""JSON readers lose digits from here on."""

MEMBERS: dict[type[Event], tuple[tuple[str, bool], ...]] = {
    kind: tuple((name, name in NUMBERS) for name in kind.__struct_fields__)
    for kinds in EVENTS.values()
    for kind in kinds
}
"""Names of an event's members, and whether each is a number in JSON."""

_WITHOUT_ESCAPES = (int, Address, Hash)
"""Types whose values never need one."""


def dump_event(event: Event) -> str:
    """Write an event's members as a JSON object, in the contract's order."""
    return DUMPS[type(event)](event)


def _dump_any(event: Event) -> str:
    members = {}
    for name, is_number in MEMBERS[type(event)]:
        value = getattr(event, name)
        kind = type(value)
        if kind is int and not (is_number and value < SAFE):
            value = str(value)
        elif kind is bytes:
            value = "0x" + value.hex()
        members[name] = value
    return to_json(members).decode()


def _build_dump(kind: type[Event]) -> Callable[[Event], str]:
    """Return what writes events of a kind: where no value needs a look, a template is filled in."""
    members = MEMBERS[kind]
    if len(members) < 2 or any(f.type not in _WITHOUT_ESCAPES for f in fields(kind)):
        return _dump_any
    template = ",".join(
        f'"{name}":%s' if is_number else f'"{name}":"%s"' for name, is_number in members
    )
    template = f"{{{template}}}"
    get: Callable[[Any], tuple[Any, ...]] = attrgetter(*[name for name, _ in members])
    numbers = tuple(at for at, (_, is_number) in enumerate(members) if is_number)

    def dump(event: Event) -> str:
        values = get(event)
        for at in numbers:
            if values[at] >= SAFE:
                return _dump_any(event)
        return template % values

    return dump


DUMPS = {kind: _build_dump(kind) for kind in MEMBERS}
"""What writes an event as JSON, by its kind."""
