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

MEMBERS: dict[type[Event], tuple[tuple[str, bool], ...]] = {
    kind: tuple((f.name, f.name in NUMBERS) for f in fields(kind))
    for kinds in EVENTS.values()
    for kind in kinds
}
"""Names of an event's members, and whether each is a number in JSON."""


def dump_event(event: Event) -> str:
    """Write an event's members as a JSON object, in the contract's order."""
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
