"""Keep the rows of the book in order, in blocks that split and merge (kernels; see `layout`)."""

import numpy as np

from matcher.engine.index.compiled import compiled, uncounted
from matcher.engine.index.layout import (
    A_COUNTER,
    ANY_TRAITS,
    BLOCKS,
    CANCELLED,
    COUNT,
    DEVELOPER,
    DIRECTORY,
    FREE,
    FREE_BLOCK,
    HOLDS,
    I32,
    L_BLOCK,
    L_DEVELOPER,
    L_PEER,
    L_STATE,
    LAST,
    LOADED,
    MAX_FREE,
    MAX_MEMORY,
    MEMORY,
    MERGE_BELOW,
    MIN_VALID,
    NARROW,
    NONE,
    P_KNOWN,
    P_MEMORY,
    P_PROVIDER,
    P_REGION,
    P_TRAITS,
    P_UNITS,
    P_USED,
    PEER,
    PRICE,
    PRICE_LIMIT,
    PROVIDER,
    REGION,
    REGIONS,
    ROWS,
    SLOT,
    SPLIT_AT,
    SUMS,
    T_COUNTER,
    T_PRICE,
    T_SEQUENCE,
    T_VALID,
    TIGHTEN_AFTER,
    TOUCHED,
    TRAITS,
    WIDE,
    Columns,
)


@compiled
def precedes(c: Columns, one: int, other: int) -> bool:
    """Whether an ask stands before another: cheaper, then earlier, then by hash."""
    for term in (T_PRICE, T_SEQUENCE):
        if c.terms[one, term] != c.terms[other, term]:
            return bool(c.terms[one, term] < c.terms[other, term])
    for word in range(4):
        if c.words[one, word] != c.words[other, word]:
            return bool(c.words[one, word] < c.words[other, word])
    return False


@uncounted
def can_sell(c: Columns, slot: int, now: int) -> bool:
    """Whether the ask holds at all, whoever asks."""
    peer = c.links[slot, L_PEER]
    account = c.peers[peer, P_PROVIDER]
    return bool(
        c.peers[peer, P_KNOWN] == 1
        and c.links[slot, L_STATE] & (HOLDS | CANCELLED) == HOLDS
        and c.terms[slot, T_COUNTER] == c.accounts[account, A_COUNTER]
        and c.terms[slot, T_VALID] >= now
        and 0 < c.terms[slot, T_PRICE] < PRICE_LIMIT
    )


@compiled
def write_row(c: Columns, block: int, place: int, slot: int, now: int) -> None:
    """Copy into a block what scans need of an ask and its peer."""
    peer = c.links[slot, L_PEER]
    free = 0
    if can_sell(c, slot, now):
        free = max(0, c.peers[peer, P_UNITS] - c.peers[peer, P_USED])
    c.narrow[block, SLOT, place] = slot
    c.narrow[block, PEER, place] = peer
    c.narrow[block, PROVIDER, place] = c.peers[peer, P_PROVIDER]
    c.narrow[block, DEVELOPER, place] = c.links[slot, L_DEVELOPER]
    c.narrow[block, FREE, place] = free
    c.narrow[block, REGION, place] = c.peers[peer, P_REGION]
    c.wide[block, PRICE, place] = c.terms[slot, T_PRICE]
    c.wide[block, MEMORY, place] = c.peers[peer, P_MEMORY]
    c.wide[block, TRAITS, place] = c.peers[peer, P_TRAITS]
    c.links[slot, L_BLOCK] = block


@compiled
def widen(c: Columns, block: int, place: int) -> None:
    """Let the sums of a block bound this row too."""
    sums = c.sums[block]
    sums[MIN_VALID] = min(sums[MIN_VALID], c.terms[c.narrow[block, SLOT, place], T_VALID])
    free = c.narrow[block, FREE, place]
    if free > 0:
        region = c.narrow[block, REGION, place]
        sums[MAX_FREE] = max(sums[MAX_FREE], free)
        sums[MAX_MEMORY] = max(sums[MAX_MEMORY], c.wide[block, MEMORY, place])
        sums[ANY_TRAITS] |= c.wide[block, TRAITS, place]
        sums[REGIONS + (region >> 6)] |= np.int64(1) << np.int64(region & 63)


@compiled
def tighten(c: Columns, block: int) -> None:
    """Recompute the sums of a block."""
    for column in range(TOUCHED, SUMS):
        c.sums[block, column] = 0
    c.sums[block, MIN_VALID] = LAST
    count = c.sums[block, COUNT]
    for place in range(count):
        widen(c, block, place)


@compiled
def touch(c: Columns, block: int) -> None:
    """Note that a row of the block went or became less."""
    c.sums[block, TOUCHED] += 1
    if c.sums[block, TOUCHED] >= TIGHTEN_AFTER:
        tighten(c, block)


@compiled
def open_block(c: Columns, position: int) -> int:
    """Put an empty block into the directory; return it."""
    block = c.state[FREE_BLOCK]
    if block == NONE:
        block = c.state[BLOCKS]
        c.state[BLOCKS] += 1
    else:
        c.state[FREE_BLOCK] = c.sums[block, COUNT]
    c.sums[block, COUNT] = 0
    tighten(c, block)
    for place in range(c.state[DIRECTORY], position, -1):
        c.directory[place] = c.directory[place - 1]
    c.directory[position] = block
    c.state[DIRECTORY] += 1
    return int(block)


@compiled
def close_block(c: Columns, position: int) -> None:
    """Take a block out of the directory, to be used again."""
    block = c.directory[position]
    c.state[DIRECTORY] -= 1
    for place in range(position, c.state[DIRECTORY]):
        c.directory[place] = c.directory[place + 1]
    c.sums[block, COUNT] = c.state[FREE_BLOCK]
    c.state[FREE_BLOCK] = block


@compiled
def find_position(c: Columns, slot: int) -> int:
    """Return where in the directory the block is whose rows stand around an ask."""
    low, high = 0, c.state[DIRECTORY] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if precedes(c, slot, c.narrow[c.directory[middle], SLOT, 0]):
            high = middle - 1
        else:
            low = middle
    return int(low)


@compiled
def find_place(c: Columns, block: int, slot: int) -> int:
    """Return how many rows of the block stand before an ask."""
    low, high = 0, c.sums[block, COUNT]
    while low < high:
        middle = (low + high) // 2
        if precedes(c, c.narrow[block, SLOT, middle], slot):
            low = middle + 1
        else:
            high = middle
    return int(low)


@compiled
def move_rows(c: Columns, source: int, first: int, target: int) -> None:
    """Move the rows from `first` on behind those of another block, and tighten that one."""
    start = c.sums[target, COUNT]
    count = c.sums[source, COUNT] - first
    for column in range(NARROW):
        for row in range(count):
            c.narrow[target, column, start + row] = c.narrow[source, column, first + row]
    for column in range(WIDE):
        for row in range(count):
            c.wide[target, column, start + row] = c.wide[source, column, first + row]
    for row in range(count):
        c.links[c.narrow[target, SLOT, start + row], L_BLOCK] = target
    c.sums[source, COUNT] = first
    c.sums[target, COUNT] = start + count
    tighten(c, target)


@compiled
def shift_rows(c: Columns, block: int, place: int, step: int) -> None:
    """Open (`step` 1) or close (−1) a gap at a place."""
    count = c.sums[block, COUNT]
    for column in range(NARROW):
        if step > 0:
            for row in range(count, place, -1):
                c.narrow[block, column, row] = c.narrow[block, column, row - 1]
        else:
            for row in range(place, count - 1):
                c.narrow[block, column, row] = c.narrow[block, column, row + 1]
    for column in range(WIDE):
        if step > 0:
            for row in range(count, place, -1):
                c.wide[block, column, row] = c.wide[block, column, row - 1]
        else:
            for row in range(place, count - 1):
                c.wide[block, column, row] = c.wide[block, column, row + 1]
    c.sums[block, COUNT] = count + step


@compiled
def insert_row(c: Columns, slot: int, now: int) -> None:
    """Put an ask where it belongs. There must be room for one block more."""
    if c.state[DIRECTORY] == 0:
        open_block(c, 0)
    position = find_position(c, slot)
    block = c.directory[position]
    if c.sums[block, COUNT] == ROWS:
        other = open_block(c, position + 1)
        move_rows(c, block, SPLIT_AT, other)
        tighten(c, block)
        if precedes(c, c.narrow[other, SLOT, 0], slot):
            block = other
    place = find_place(c, block, slot)
    shift_rows(c, block, place, 1)
    write_row(c, block, place, slot, now)
    widen(c, block, place)


@compiled
def remove_row(c: Columns, slot: int) -> None:
    """Take an ask out; blocks that become small join a neighbour."""
    block = c.links[slot, L_BLOCK]
    if c.sums[block, COUNT] > MERGE_BELOW:
        shift_rows(c, block, find_row(c, slot), -1)
        touch(c, block)
        return
    position = find_position(c, slot)
    shift_rows(c, block, find_row(c, slot), -1)
    left = max(0, position - 1)
    joins = left + 1 < c.state[DIRECTORY] and (
        c.sums[c.directory[left], COUNT] + c.sums[c.directory[left + 1], COUNT] <= LOADED
    )
    if joins:
        move_rows(c, c.directory[left + 1], 0, c.directory[left])
        close_block(c, left + 1)
    elif c.sums[block, COUNT] == 0:
        close_block(c, position)
    else:
        touch(c, block)


@compiled
def find_row(c: Columns, slot: int) -> int:
    """Return an ask's place in its block."""
    block = c.links[slot, L_BLOCK]
    place = 0
    while c.narrow[block, SLOT, place] != slot:
        place += 1
    return place


@compiled
def rewrite_row(c: Columns, slot: int, now: int) -> None:
    """Bring a row up to date with its ask and peer; its order stays."""
    block = c.links[slot, L_BLOCK]
    place = find_row(c, slot)
    write_row(c, block, place, slot, now)
    widen(c, block, place)
    touch(c, block)


@compiled
def fill_blocks(c: Columns, ordered: I32, now: int) -> None:
    """Fill an empty book with asks that are in order already."""
    for start in range(0, len(ordered), LOADED):
        block = open_block(c, c.state[DIRECTORY])
        count = min(LOADED, len(ordered) - start)
        c.sums[block, COUNT] = count
        for place in range(count):
            write_row(c, block, place, ordered[start + place], now)
        tighten(c, block)
