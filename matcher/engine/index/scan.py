"""Find what a demand may take, cheapest first, without looking at what it cannot (kernels)."""

import numpy as np

from matcher.engine.index.compiled import compiled, uncounted
from matcher.engine.index.filters import (
    F_ANYWHERE,
    F_BUDGET,
    F_CAP,
    F_DEVELOPER,
    F_MEMORY,
    F_MODE,
    F_PRICE,
    F_REGIONS,
    F_TRAITS,
    F_TRAITS_HIGH,
    F_WANT,
    Filter,
)
from matcher.engine.index.layout import (
    A_LEFT,
    A_PEER,
    A_USED,
    ANY_TRAITS,
    COUNT,
    DEVELOPER,
    DIRECTORY,
    FREE,
    I32,
    I64,
    L_BLOCK,
    L_NEXT,
    LISTED,
    MAX_FREE,
    MAX_MEMORY,
    MEMORY,
    NONE,
    P_ASK,
    P_KNOWN,
    P_NEXT,
    P_TRAITS_HIGH,
    PEER,
    PRICE,
    PROVIDER,
    REGION,
    REGIONS,
    SLOT,
    STAMP,
    TRAITS,
    Columns,
)

ONLY, EXCEPT = 1, 2

# Columns of what a scan finds
S_SLOT, S_PEER, S_PROVIDER, S_REGION, S_PRICE, S_UNITS = range(6)
FOUND = 6


@compiled
def mark_blocks(c: Columns, account: int, stamp: int) -> None:
    """Mark the blocks in which a provider has asks."""
    peer = c.accounts[account, A_PEER]
    while peer != NONE:
        slot = c.peers[peer, P_ASK]
        while slot != NONE:
            c.sums[c.links[slot, L_BLOCK], LISTED] = stamp
            slot = c.links[slot, L_NEXT]
        peer = c.peers[peer, P_NEXT]


@uncounted
def is_listed(f: Filter, account: int) -> bool:
    """Whether the filter names a provider."""
    times = 0
    for listed in f.listed:
        if listed == account:
            times += 1
    return times > 0


@uncounted
def is_excluded(f: Filter, slot: int) -> bool:
    """Whether the filter leaves an ask out."""
    times = 0
    for excluded in f.excluded:
        if excluded == slot:
            times += 1
    return times > 0


@compiled
def begin_scan(c: Columns, f: Filter) -> int:
    """Mark what the filter lists; return the stamp of the marks."""
    c.state[STAMP] += 1
    stamp = c.state[STAMP]
    for peer in f.avoid:
        if peer != NONE:
            c.marks[peer] = stamp
    if f.numbers[F_MODE] == ONLY:
        for account in f.listed:
            mark_blocks(c, account, stamp)
    for place in range(len(f.sold)):
        account = f.sold[place, 0]
        c.accounts[account, A_USED] = stamp
        c.accounts[account, A_LEFT] = max(0, f.numbers[F_CAP] - f.sold[place, 1])
    for place in range(len(f.taken)):
        if f.taken[place, 0] != NONE:
            c.taken[f.taken[place, 0]] = f.taken[place, 1]
    return int(stamp)


@compiled
def end_scan(c: Columns, f: Filter) -> None:
    """Forget the units that were taken; other marks end with their stamp."""
    for place in range(len(f.taken)):
        if f.taken[place, 0] != NONE:
            c.taken[f.taken[place, 0]] = 0


@uncounted
def may_hold(c: Columns, f: Filter, block: int) -> bool:
    """Whether a row of the block could pass, as far as its sums say."""
    sums = c.sums[block]
    if (
        sums[MAX_FREE] == 0
        or (f.numbers[F_MODE] == ONLY and sums[LISTED] != c.state[STAMP])
        or sums[MAX_MEMORY] < f.numbers[F_MEMORY]
        or sums[ANY_TRAITS] & f.numbers[F_TRAITS] != f.numbers[F_TRAITS]
    ):
        return False
    common = f.numbers[F_ANYWHERE]
    for word in range(4):
        common |= sums[REGIONS + word] & f.numbers[F_REGIONS + word]
    return bool(common != 0)


@uncounted
def passes(c: Columns, f: Filter, stamp: int, block: int, place: int) -> bool:
    """Whether nothing but amounts stands against a row with free units of a peer not used yet."""
    narrow, wide, numbers = c.narrow[block], c.wide[block], f.numbers
    if (
        wide[MEMORY, place] < numbers[F_MEMORY]
        or wide[TRAITS, place] & numbers[F_TRAITS] != numbers[F_TRAITS]
    ):
        return False
    region = narrow[REGION, place]
    if not numbers[F_ANYWHERE] and not (
        numbers[F_REGIONS + (region >> 6)] >> np.int64(region & 63) & 1
    ):
        return False
    developer = narrow[DEVELOPER, place]
    if developer != 0 and developer != numbers[F_DEVELOPER]:
        return False
    if numbers[F_MODE]:
        listed = is_listed(f, narrow[PROVIDER, place])
        if (numbers[F_MODE] == ONLY and not listed) or (numbers[F_MODE] == EXCEPT and listed):
            return False
    peer = narrow[PEER, place]
    if c.marks[peer] == stamp or narrow[FREE, place] <= c.taken[peer]:
        return False
    high = numbers[F_TRAITS_HIGH]
    has_high = high == 0 or c.peers[peer, P_TRAITS_HIGH] & high == high
    return bool(has_high and not is_excluded(f, narrow[SLOT, place]))


@uncounted
def room_of(c: Columns, f: Filter, stamp: int, account: int) -> int:
    """Return how many units may still come from a provider."""
    if c.accounts[account, A_USED] == stamp:
        return int(c.accounts[account, A_LEFT])
    return int(f.numbers[F_CAP])


@compiled
def longer(found: I64, count: int) -> I64:
    """Return the table with room for one line more."""
    if count < len(found):
        return found
    table = np.empty((2 * len(found), FOUND), np.int64)
    for line in range(count):
        for column in range(FOUND):
            table[line, column] = found[line, column]
    return table


@compiled
def note(c: Columns, found: I64, count: int, block: int, place: int, units: int) -> None:
    """Write a row and its units into a line of the table."""
    found[count, S_SLOT] = c.narrow[block, SLOT, place]
    found[count, S_PEER] = c.narrow[block, PEER, place]
    found[count, S_PROVIDER] = c.narrow[block, PROVIDER, place]
    found[count, S_REGION] = c.narrow[block, REGION, place]
    found[count, S_PRICE] = c.wide[block, PRICE, place]
    found[count, S_UNITS] = units


@compiled
def scan_cheapest(c: Columns, f: Filter) -> I64:
    """Take the cheapest units under all limits but the number of fills and regions.

    No other choice has more units, or as many for less: under caps by peer and provider alone,
    cheapest first is optimal for every number of units at once.
    """
    stamp = begin_scan(c, f)
    want, budget = f.numbers[F_WANT], f.numbers[F_BUDGET]
    found = np.empty((32, FOUND), np.int64)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        most = min(f.numbers[F_PRICE], budget)
        if want == 0 or c.wide[block, PRICE, 0] > most:
            break
        if not may_hold(c, f, block):
            continue
        free = c.narrow[block, FREE]
        for place in range(c.sums[block, COUNT]):
            if free[place] == 0:
                continue
            price = c.wide[block, PRICE, place]
            if want == 0 or price > most:
                break
            if not passes(c, f, stamp, block, place):
                continue
            peer, account = c.narrow[block, PEER, place], c.narrow[block, PROVIDER, place]
            c.marks[peer] = stamp
            room = room_of(c, f, stamp, account)
            units = min(want, room, c.narrow[block, FREE, place] - c.taken[peer], budget // price)
            if units > 0:
                found = longer(found, count)
                note(c, found, count, block, place, units)
                count += 1
                want -= units
                budget -= units * price
                most = min(most, budget)
                c.accounts[account, A_USED] = stamp
                c.accounts[account, A_LEFT] = room - units
    end_scan(c, f)
    return found[:count]


@compiled
def scan_all(c: Columns, f: Filter, most: int) -> I64:
    """Return the first `most` rows that pass, one per peer; S_UNITS is what the peer has."""
    stamp = begin_scan(c, f)
    found = np.empty((64, FOUND), np.int64)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        if count == most or c.wide[block, PRICE, 0] > f.numbers[F_PRICE]:
            break
        if not may_hold(c, f, block):
            continue
        free = c.narrow[block, FREE]
        for place in range(c.sums[block, COUNT]):
            if free[place] == 0:
                continue
            if count == most or c.wide[block, PRICE, place] > f.numbers[F_PRICE]:
                break
            if passes(c, f, stamp, block, place):
                peer = c.narrow[block, PEER, place]
                c.marks[peer] = stamp
                found = longer(found, count)
                note(c, found, count, block, place, c.narrow[block, FREE, place] - c.taken[peer])
                count += 1
    end_scan(c, f)
    return found[:count]


@compiled
def list_rows(c: Columns) -> I32:
    """Return (block, place) of every row that can sell, in book order."""
    count = 0
    for position in range(c.state[DIRECTORY]):
        count += c.sums[c.directory[position], COUNT]
    rows = np.empty((count, 2), np.int32)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        if c.sums[block, MAX_FREE] == 0:
            continue
        for place in range(c.sums[block, COUNT]):
            if c.narrow[block, FREE, place] > 0:
                rows[count, 0] = block
                rows[count, 1] = place
                count += 1
    return rows[:count]


@compiled
def has_many_peers(c: Columns, account: int, many: int) -> bool:
    """Whether a provider has at least so many peers."""
    peer, count = c.accounts[account, A_PEER], 0
    while peer != NONE and count < many:
        peer = c.peers[peer, P_NEXT]
        count += 1
    return bool(count == many)


@compiled
def list_asks_of(c: Columns, account: int) -> I32:
    """Return the slots of a provider's asks, cheapest first, whether they can sell or not."""
    found = np.empty(16, np.int32)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        for place in range(c.sums[block, COUNT]):
            if c.narrow[block, PROVIDER, place] != account:
                continue
            # Whoever has free units is known: most peers need not be looked at.
            if c.narrow[block, FREE, place] > 0 or c.peers[c.narrow[block, PEER, place], P_KNOWN]:
                if count == len(found):
                    table = np.empty(2 * count, np.int32)
                    table[:count] = found
                    found = table
                found[count] = c.narrow[block, SLOT, place]
                count += 1
    return found[:count].copy()
