"""Leave out what the best fills never need, and only that (kernels).

Both rules go through the rows cheapest first and drop one when any plan that uses it can move its
units to rows of the same region that were kept before it, which cost no more and came no later.
"""

import numpy as np

from matcher.engine.index.compiled import compiled
from matcher.engine.index.filters import (
    F_ANYWHERE,
    F_BUDGET,
    F_CAP,
    F_PRICE,
    F_REGIONS,
    F_WANT,
    Filter,
)
from matcher.engine.index.layout import (
    COUNT,
    DIRECTORY,
    FREE,
    I64,
    NONE,
    PEER,
    PRICE,
    PROVIDER,
    REGION,
    REGIONS,
    Columns,
)
from matcher.engine.index.scan import (
    FOUND,
    S_PROVIDER,
    S_UNITS,
    begin_scan,
    end_scan,
    longer,
    may_hold,
    note,
    passes,
    room_of,
)

EVERYWHERE = 256


@compiled
def caps_bind(f: Filter) -> bool:
    """Whether some provider may give less than is wanted."""
    least = f.numbers[F_CAP]
    for place in range(len(f.sold)):
        least = min(least, f.numbers[F_CAP] - f.sold[place, 1])
    return bool(least < f.numbers[F_WANT])


@compiled
def open_regions(f: Filter) -> I64:
    """Return the regions that are still looked at, as four words."""
    words = np.empty(4, np.int64)
    for word in range(4):
        words[word] = -1 if f.numbers[F_ANYWHERE] else f.numbers[F_REGIONS + word]
    return words


@compiled
def is_open(words: I64, region: int) -> bool:
    """Whether a region is still looked at."""
    return bool(words[region >> 6] >> np.int64(region & 63) & 1)


@compiled
def shut(words: I64, region: int) -> None:
    """Look at a region no more."""
    words[region >> 6] &= ~(np.int64(1) << np.int64(region & 63))


@compiled
def may_add(c: Columns, f: Filter, words: I64, block: int) -> bool:
    """Whether the block could hold a row of a region that is still looked at."""
    common = np.int64(0)
    for word in range(4):
        common |= c.sums[block, REGIONS + word] & words[word]
    return bool(common != 0) and may_hold(c, f, block)


@compiled
def kept_of(found: I64, before: I64, last: int, account: int) -> int:
    """Add up what was kept of a provider in the region whose newest line is `last`."""
    units = 0
    while last != NONE:
        if found[last, S_PROVIDER] == account:
            units += found[last, S_UNITS]
        last = before[last]
    return units


@compiled
def prune_by_units(c: Columns, f: Filter, most: int) -> I64:
    """Keep of each region what could give it all wanted units: enough for any number of fills.

    A plan with a unit beyond that has at most `want` − 1 others, so that some kept row, of a
    provider with room, has a unit to spare. Stops at `most` lines.
    """
    stamp = begin_scan(c, f)
    want, bound = f.numbers[F_WANT], min(f.numbers[F_PRICE], f.numbers[F_BUDGET])
    capped, words = caps_bind(f), open_regions(f)
    covered = np.zeros(EVERYWHERE, np.int64)
    newest = np.full(EVERYWHERE, NONE, np.int64)
    before = np.empty(most, np.int64)
    found = np.empty((64, FOUND), np.int64)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        if count == most or c.wide[block, PRICE, 0] > bound:
            break
        if not may_add(c, f, words, block):
            continue
        free = c.narrow[block, FREE]
        for place in range(c.sums[block, COUNT]):
            if free[place] == 0:
                continue
            if count == most or c.wide[block, PRICE, place] > bound:
                break
            region = c.narrow[block, REGION, place]
            if not is_open(words, region) or not passes(c, f, stamp, block, place):
                continue
            peer, account = c.narrow[block, PEER, place], c.narrow[block, PROVIDER, place]
            c.marks[peer] = stamp
            units = c.narrow[block, FREE, place] - c.taken[peer]
            adds = units
            if capped:
                room = room_of(c, f, stamp, account)
                adds = min(units, room - kept_of(found, before, newest[region], account))
            if adds <= 0:
                continue
            found = longer(found, count)
            note(c, found, count, block, place, units)
            before[count] = newest[region]
            newest[region] = count
            count += 1
            covered[region] += adds
            if covered[region] >= want:
                shut(words, region)
    end_scan(c, f)
    return found[:count]


@compiled
def smallest(sizes: I64) -> int:
    """Return the smallest of some sizes."""
    least = sizes[0]
    for size in sizes:
        least = min(least, size)
    return int(least)


@compiled
def enter_size(sizes: I64, owners: I64, size: int, owner: int) -> bool:
    """Enter a row among the largest of its group, if it is; return whether it is.

    With an `owner` (not NONE) a group has one line per owner, the largest.
    """
    least = 0
    for line in range(len(sizes)):
        if owner != NONE and owners[line] == owner and sizes[line] > 0:
            if sizes[line] >= size:
                # The owner's own larger row counts once for all; look at the others.
                return smallest(sizes) < size
            sizes[line] = size
            return True
        if sizes[line] < sizes[least]:
            least = line
    if sizes[least] >= size:
        return False
    sizes[least] = size
    owners[least] = owner
    return True


@compiled
def prune_by_lines(c: Columns, f: Filter, fills: int, by_region: bool, most: int) -> I64:
    """Keep a row unless `fills` earlier ones are as large: enough for plans of that many fills.

    The other fills of a plan, one less, cannot use all of them, nor all their providers: where
    caps bind, the earlier ones are of as many providers. Stops at `most` lines.
    """
    stamp = begin_scan(c, f)
    want, bound = f.numbers[F_WANT], min(f.numbers[F_PRICE], f.numbers[F_BUDGET])
    capped, words = caps_bind(f), open_regions(f)
    groups = EVERYWHERE if by_region else 1
    sizes, owners = np.zeros((groups, fills), np.int64), np.full((groups, fills), NONE, np.int64)
    found = np.empty((64, FOUND), np.int64)
    count, done = 0, False
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        if done or count == most or c.wide[block, PRICE, 0] > bound:
            break
        if not may_add(c, f, words, block):
            continue
        free = c.narrow[block, FREE]
        for place in range(c.sums[block, COUNT]):
            if free[place] == 0:
                continue
            if done or count == most or c.wide[block, PRICE, place] > bound:
                break
            region = c.narrow[block, REGION, place]
            if not is_open(words, region) or not passes(c, f, stamp, block, place):
                continue
            peer, account = c.narrow[block, PEER, place], c.narrow[block, PROVIDER, place]
            c.marks[peer] = stamp
            units = c.narrow[block, FREE, place] - c.taken[peer]
            size = min(units, want, room_of(c, f, stamp, account))
            group = region if by_region else 0
            owner = account if capped else NONE
            if size <= 0 or not enter_size(sizes[group], owners[group], size, owner):
                continue
            found = longer(found, count)
            note(c, found, count, block, place, units)
            count += 1
            if smallest(sizes[group]) >= want:
                shut(words, region)
                done = not by_region
    end_scan(c, f)
    return found[:count]
