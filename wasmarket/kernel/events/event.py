"""What all events of our contracts are."""

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False):
    """Any event of our contracts: numbers and texts alone, which no collector need look at."""
