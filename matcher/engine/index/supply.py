"""Count what each constraint leaves of the whole book, and judge a provider's asks (kernels)."""

import numpy as np

from matcher.engine.index.blocks import can_sell
from matcher.engine.index.compiled import compiled
from matcher.engine.index.filters import (
    F_ANYWHERE,
    F_CAP,
    F_DEVELOPER,
    F_MEMORY,
    F_MODE,
    F_PRICE,
    F_REGIONS,
    F_TRAITS,
    F_TRAITS_HIGH,
    Filter,
)
from matcher.engine.index.layout import (
    A_COUNTER,
    A_LEFT,
    A_PEER,
    A_USED,
    CANCELLED,
    COUNT,
    DIRECTORY,
    FREE,
    HOLDS,
    I64,
    L_DEVELOPER,
    L_NEXT,
    L_STATE,
    LAST,
    NONE,
    P_ASK,
    P_MEMORY,
    P_NEXT,
    P_PROVIDER,
    P_REGION,
    P_TRAITS,
    P_TRAITS_HIGH,
    P_UNITS,
    P_USED,
    PEER,
    PRICE_LIMIT,
    SLOT,
    STAMP,
    T_COUNTER,
    T_PRICE,
    T_VALID,
    Columns,
)
from matcher.engine.index.scan import (
    EXCEPT,
    ONLY,
    begin_scan,
    is_excluded,
    is_listed,
    room_of,
)

# Columns of judged rows
J_FAILS, J_PEER, J_PRICE, J_PROVIDER, J_UNITS, J_FREE, J_REGION = range(7)
JUDGED = 7
# Bits of J_FAILS, and of what a count regards
PRICE, PRIVATE, MEMORY, REGION, TRAITS, LIST, GAVE_UP, CAPACITY, CAP, BALANCE = range(10)


@compiled
def fails_peer(c: Columns, f: Filter, peer: int) -> int:
    """Return which of memory, regions, traits and list a peer fails, as bits."""
    row, numbers = c.peers[peer], f.numbers
    region = row[P_REGION]
    has_region = numbers[F_ANYWHERE] or (
        numbers[F_REGIONS + (region >> 6)] >> np.int64(region & 63) & 1
    )
    has_traits = (
        row[P_TRAITS] & numbers[F_TRAITS] == numbers[F_TRAITS]
        and row[P_TRAITS_HIGH] & numbers[F_TRAITS_HIGH] == numbers[F_TRAITS_HIGH]
    )
    listed = is_listed(f, row[P_PROVIDER])
    fits = not ((numbers[F_MODE] == ONLY and not listed) or (numbers[F_MODE] == EXCEPT and listed))
    fails = 0
    if row[P_MEMORY] < numbers[F_MEMORY]:
        fails |= 1 << MEMORY
    if not has_region:
        fails |= 1 << REGION
    if not has_traits:
        fails |= 1 << TRAITS
    if not fits:
        fails |= 1 << LIST
    return fails


@compiled
def judge_rows(c: Columns, f: Filter, now: int) -> I64:
    """Return every ask that holds, cheapest first, with what stands against it but amounts."""
    stamp = begin_scan(c, f)
    count = 0
    for position in range(c.state[DIRECTORY]):
        count += c.sums[c.directory[position], COUNT]
    judged = np.empty((count, JUDGED), np.int64)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        for place in range(c.sums[block, COUNT]):
            slot, peer = c.narrow[block, SLOT, place], c.narrow[block, PEER, place]
            if not can_sell(c, slot, now) or is_excluded(f, slot):
                continue
            fails = fails_peer(c, f, peer)
            developer = c.links[slot, L_DEVELOPER]
            if c.terms[slot, T_PRICE] > f.numbers[F_PRICE]:
                fails |= 1 << PRICE
            if developer != 0 and developer != f.numbers[F_DEVELOPER]:
                fails |= 1 << PRIVATE
            if c.marks[peer] == stamp:
                fails |= 1 << GAVE_UP
            judged[count, J_FAILS] = fails
            judged[count, J_PEER] = peer
            judged[count, J_PRICE] = c.terms[slot, T_PRICE]
            judged[count, J_PROVIDER] = c.peers[peer, P_PROVIDER]
            judged[count, J_UNITS] = c.peers[peer, P_UNITS]
            judged[count, J_FREE] = c.narrow[block, FREE, place]
            judged[count, J_REGION] = c.peers[peer, P_REGION]
            count += 1
    return judged[:count]


@compiled
def list_supply(c: Columns, f: Filter, judged: I64, bits: int, budget: int) -> tuple[I64, int]:
    """Return which lines give units under some constraints, one a peer, and how many in all,
    however much is wanted; all of them cost no more than `budget`, LAST: whatever."""
    c.state[STAMP] += 1
    stamp = c.state[STAMP]
    for place in range(len(f.sold)):
        c.accounts[f.sold[place, 0], A_USED] = stamp
        c.accounts[f.sold[place, 0], A_LEFT] = max(0, f.numbers[F_CAP] - f.sold[place, 1])
    lines, count, total = np.empty(len(judged), np.int64), 0, 0
    for line in range(len(judged)):
        units = judged[line, J_FREE if bits >> CAPACITY & 1 else J_UNITS]
        if judged[line, J_FAILS] & bits or units == 0:
            continue
        peer = judged[line, J_PEER]
        if c.marks[peer] == stamp:
            continue
        account, price = judged[line, J_PROVIDER], judged[line, J_PRICE]
        room = LAST
        if bits >> CAP & 1:
            room = room_of(c, f, stamp, account)
            units = min(units, room)
        if budget < LAST:
            units = min(units, budget // price)
            budget -= units * price
        if units > 0:
            c.marks[peer] = stamp
            lines[count] = line
            count += 1
            total += units
            if bits >> CAP & 1:
                c.accounts[account, A_USED] = stamp
                c.accounts[account, A_LEFT] = room - units
    return lines[:count], total


@compiled
def find_reason(c: Columns, f: Filter, slot: int, peer: int, now: int, terms: I64) -> int:
    """Return the reason that Market would give against one unit of an ask; 0 if it takes it.

    `terms`: the offer's own price limit, whether the deal is full, units it may still get, and
    what its balance has left. The order is that of CONTRACTS section 6.
    """
    price, developer = c.terms[slot, T_PRICE], c.links[slot, L_DEVELOPER]
    account = c.peers[peer, P_PROVIDER]
    fails = fails_peer(c, f, peer)
    free = c.peers[peer, P_UNITS] - c.peers[peer, P_USED]
    room = min(terms[2], free, room_of(c, f, c.state[STAMP], account))
    state = c.links[slot, L_STATE]
    against = (
        price == 0 or price > terms[0] or price >= PRICE_LIMIT,
        c.terms[slot, T_VALID] < now,
        c.terms[slot, T_COUNTER] != c.accounts[account, A_COUNTER],
        developer != 0 and developer != f.numbers[F_DEVELOPER],
        fails >> MEMORY & 1 == 1,
        fails >> REGION & 1 == 1,
        fails >> TRAITS & 1 == 1,
        fails >> LIST & 1 == 1,
        terms[1] == 1,
        room <= 0 or terms[3] < price,
        state & CANCELLED == CANCELLED,
        state & HOLDS == 0,
    )
    for place in range(len(against)):
        if against[place]:
            # Reasons count from 2: reason 1 is an unknown peer, and these are known.
            return place + 2
    return 0


@compiled
def judge_provider(c: Columns, f: Filter, account: int, now: int, terms: I64) -> tuple[int, int]:
    """Return the reasons against a provider's asks as bits, and the cheapest price, or NONE,
    that nothing or only the price stands against."""
    begin_scan(c, f)
    reasons, best = 0, NONE
    peer = c.accounts[account, A_PEER]
    while peer != NONE:
        slot = c.peers[peer, P_ASK]
        while slot != NONE:
            reason = find_reason(c, f, slot, peer, now, terms)
            reasons |= 1 << reason
            price = c.terms[slot, T_PRICE]
            if reason in (0, 2) and (best == NONE or price < best):
                best = price
            slot = c.links[slot, L_NEXT]
        peer = c.peers[peer, P_NEXT]
    return reasons, best
