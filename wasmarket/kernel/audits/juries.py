"""Constants of the protocol for juries (CONTRACTS 18), and how the chain writes one."""

from typing import Final

JURY: Final = 7
"""Seats that are drawn for an accusation."""

DRAW_PART: Final = 48
"""A jury may be drawn this part of an epoch after the accusation."""

CANNOT_TELL: Final = bytes(32)
"""The vote of a juror to whom running the call again said nothing."""

FALSE_IN_ITSELF: Final = (1).to_bytes(32, "big")
"""What stands for a receipt that no execution can give: the app has no such function."""

_SEAT_BITS = 32


def unpack_jury(word: int) -> tuple[int, ...]:
    """Return the seats of a jury by place."""
    mask = (1 << _SEAT_BITS) - 1
    return tuple(word >> _SEAT_BITS * place & mask for place in range(JURY))
