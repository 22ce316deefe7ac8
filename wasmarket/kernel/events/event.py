"""What all events of our contracts are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Any event of our contracts."""
