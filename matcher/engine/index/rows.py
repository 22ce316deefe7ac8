"""The sellable part of the book as plain arrays, for solvers that look at many demands at once."""

from typing import NamedTuple

import numpy as np

from matcher.engine.index.layout import (
    DEVELOPER,
    FREE,
    I32,
    I64,
    MEMORY,
    NONE,
    PEER,
    PRICE,
    PROVIDER,
    REGION,
    SLOT,
    TRAITS,
    Columns,
)
from matcher.engine.index.scan import list_rows


class Rows(NamedTuple):
    """All rows that can sell, in book order: cheapest, earliest, by hash. Not to be written to.

    `slot`, `peer`, `provider` and `developer` (0: for anybody) are slots of the book, `traits` the
    low 62 bits, `free` the units of the row's peer; `place` finds a row by ask slot, −1 for none.
    """

    slot: I32
    peer: I32
    provider: I32
    developer: I32
    free: I32
    region: I32
    price: I64
    memory: I64
    traits: I64
    place: I32


def build_rows(columns: Columns, excluded: I32) -> Rows:
    """Gather the rows of a book's columns, but for those of excluded ask slots."""
    blocks, places = list_rows(columns).T
    slot = columns.narrow[blocks, SLOT, places]
    if len(excluded):
        kept = ~np.isin(slot, excluded)
        blocks, places, slot = blocks[kept], places[kept], slot[kept]
    place = np.full(len(columns.terms), NONE, np.int32)
    place[slot] = np.arange(len(blocks), dtype=np.int32)
    return Rows(
        slot=slot,
        peer=columns.narrow[blocks, PEER, places],
        provider=columns.narrow[blocks, PROVIDER, places],
        developer=columns.narrow[blocks, DEVELOPER, places],
        free=columns.narrow[blocks, FREE, places],
        region=columns.narrow[blocks, REGION, places],
        price=columns.wide[blocks, PRICE, places],
        memory=columns.wide[blocks, MEMORY, places],
        traits=columns.wide[blocks, TRAITS, places],
        place=place,
    )
