"""Events as JSON (DESIGN 8.1): numbers for ids, epochs and counts, strings for every uint256."""

from dataclasses import fields

from msgspec.json import encode as to_json

from wasmarket.kernel.events import EVENTS, Event

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

MEMBERS = {kind: tuple(f.name for f in fields(kind)) for kinds in EVENTS.values() for kind in kinds}


def dump_event(event: Event) -> str:
    """Write an event's members as a JSON object, in the contract's order."""
    members = {name: _value(name, getattr(event, name)) for name in MEMBERS[type(event)]}
    return to_json(members).decode()


def _value(name: str, value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if name in NUMBERS and value < SAFE else str(value)
    return value
