"""Add up what anybody may have by region, in one pass over the book (kernel)."""

import numpy as np

from matcher.engine.index.compiled import compiled
from matcher.engine.index.filters import (
    F_ANYWHERE,
    F_REGIONS,
    F_TRAITS,
    F_TRAITS_HIGH,
    Filter,
)
from matcher.engine.index.layout import (
    COUNT,
    DEVELOPER,
    DIRECTORY,
    FREE,
    I64,
    P_TRAITS_HIGH,
    PEER,
    PRICE,
    REGION,
    TRAITS,
    Columns,
)
from matcher.engine.index.scan import begin_scan, may_hold

REGIONS = 256

# Columns of what is free in a region, and at one of its prices
D_PEERS, D_UNITS, D_LEVELS = range(3)
V_PRICE, V_PEERS, V_UNITS = range(3)


@compiled
def sum_depth(c: Columns, f: Filter, most: int) -> tuple[I64, I64]:
    """Return by region the free units that pass, each peer's at its cheapest ask, and the `most`
    cheapest prices of each. The filter is that of anybody: of traits, and perhaps of a region."""
    stamp = begin_scan(c, f)
    regions = np.zeros((REGIONS, 3), np.int64)
    levels = np.zeros((REGIONS, most, 3), np.int64)
    last = np.zeros(REGIONS, np.int64)
    is_open = np.zeros(REGIONS, np.bool_)
    for region in range(REGIONS):
        word = f.numbers[F_REGIONS + (region >> 6)]
        is_open[region] = f.numbers[F_ANYWHERE] or word >> np.int64(region & 63) & 1
    low, high = f.numbers[F_TRAITS], f.numbers[F_TRAITS_HIGH]
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        if not may_hold(c, f, block):
            continue
        for place in range(c.sums[block, COUNT]):
            # A call for each row, with all columns, would take most of the time.
            free, region = c.narrow[block, FREE, place], c.narrow[block, REGION, place]
            peer = c.narrow[block, PEER, place]
            if (
                free == 0
                or not is_open[region]
                or c.narrow[block, DEVELOPER, place] != 0
                or c.marks[peer] == stamp
                or c.wide[block, TRAITS, place] & low != low
                or (high != 0 and c.peers[peer, P_TRAITS_HIGH] & high != high)
            ):
                continue
            c.marks[peer] = stamp
            price = c.wide[block, PRICE, place]
            regions[region, D_PEERS] += 1
            regions[region, D_UNITS] += free
            if price != last[region]:
                last[region] = price
                regions[region, D_LEVELS] += 1
            level = regions[region, D_LEVELS] - 1
            if level < most:
                levels[region, level, V_PRICE] = price
                levels[region, level, V_PEERS] += 1
                levels[region, level, V_UNITS] += free
    return regions, levels
