"""Count what each constraint leaves of the whole book, and judge a provider's asks (kernels)."""

import numpy as np

from matcher.engine.index.blocks import can_sell
from matcher.engine.index.compiled import compiled, uncounted
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
    A_USED,
    CANCELLED,
    COUNT,
    DEVELOPER,
    DIRECTORY,
    FREE,
    HOLDS,
    I32,
    I64,
    L_DEVELOPER,
    L_PEER,
    L_STATE,
    LAST,
    NONE,
    P_MEMORY,
    P_PROVIDER,
    P_REGION,
    P_TRAITS,
    P_TRAITS_HIGH,
    P_UNITS,
    P_USED,
    PEER,
    PRICE,
    PRICE_LIMIT,
    PROVIDER,
    REGION,
    SLOT,
    STAMP,
    T_COUNTER,
    T_PRICE,
    T_VALID,
    U8,
    Bools,
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

# Lines of judged asks
J_FAILS, J_PEER, J_PRICE, J_PROVIDER, J_UNITS, J_FREE, J_REGION = range(7)
JUDGED = 7
# Bits of J_FAILS, and of what a count regards
(
    BY_PRICE,
    BY_PRIVATE,
    BY_MEMORY,
    BY_REGION,
    BY_TRAITS,
    BY_LIST,
    BY_GAVE_UP,
    BY_CAPACITY,
    BY_CAP,
    BY_BALANCE,
) = range(10)
BY_ITS_PRICE = 2
"""The reason of Market against an ask that is too dear."""
WAYS = 4
"""An ask is too dear or not, private to somebody else or not; all else is its peer's."""


@uncounted
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
        fails |= 1 << BY_MEMORY
    if not has_region:
        fails |= 1 << BY_REGION
    if not has_traits:
        fails |= 1 << BY_TRAITS
    if not fits:
        fails |= 1 << BY_LIST
    return fails


@compiled
def judge_rows(c: Columns, f: Filter, now: int) -> I64:
    """Return by column, cheapest first, what stands against the asks that hold, amounts aside.

    Of a peer's asks against which the same stands the cheapest is enough: that they are in the
    same order for everybody makes it the first to be taken, whatever else is regarded.
    """
    begin_scan(c, f)
    most, developer = f.numbers[F_PRICE], f.numbers[F_DEVELOPER]
    seen = np.zeros(len(c.peers), np.uint8)
    count = 0
    for position in range(c.state[DIRECTORY]):
        count += c.sums[c.directory[position], COUNT]
    judged = np.empty((JUDGED, min(count, WAYS * len(c.peers))), np.int64)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        for place in range(c.sums[block, COUNT]):
            peer, owner = c.narrow[block, PEER, place], c.narrow[block, DEVELOPER, place]
            price = c.wide[block, PRICE, place]
            fails = 0
            if price > most:
                fails |= 1 << BY_PRICE
            if owner not in (0, developer):
                fails |= 1 << BY_PRIVATE
            if seen[peer] >> fails & 1:
                continue
            slot, free = c.narrow[block, SLOT, place], c.narrow[block, FREE, place]
            # Units that are free say that the ask holds; of others it is not in the block.
            if free == 0 and not can_sell(c, slot, now):
                continue
            if is_excluded(f, slot):
                continue
            seen[peer] |= 1 << fails
            judged[J_FAILS, count] = fails
            judged[J_PEER, count] = peer
            judged[J_PRICE, count] = price
            judged[J_PROVIDER, count] = c.narrow[block, PROVIDER, place]
            judged[J_UNITS, count] = c.peers[peer, P_UNITS]
            judged[J_FREE, count] = free
            judged[J_REGION, count] = c.narrow[block, REGION, place]
            count += 1
    add_fails_of_peers(c, f, seen, judged, count)
    return judged[:, :count].copy()


@compiled
def add_fails_of_peers(c: Columns, f: Filter, seen: U8, judged: I64, count: int) -> None:
    """Note what stands against the peers of judged asks; `seen` says which peers these are."""
    stamp = c.state[STAMP]
    known = np.zeros(len(c.peers), np.int64)
    for peer in range(len(c.peers)):
        if seen[peer]:
            known[peer] = fails_peer(c, f, peer)
            if c.marks[peer] == stamp:
                known[peer] |= 1 << BY_GAVE_UP
    for ask in range(count):
        judged[J_FAILS, ask] |= known[judged[J_PEER, ask]]


@compiled
def list_supply(
    c: Columns, f: Filter, judged: I64, bits: int, budget: int
) -> tuple[I64, Bools, int]:
    """Return which of the judged asks give units under some constraints, one a peer, which peers
    these are by slot, and how many units in all, however much is wanted; all of them cost no more
    than `budget`, LAST: whatever."""
    c.state[STAMP] += 1
    stamp = c.state[STAMP]
    for place in range(len(f.sold)):
        c.accounts[f.sold[place, 0], A_USED] = stamp
        c.accounts[f.sold[place, 0], A_LEFT] = max(0, f.numbers[F_CAP] - f.sold[place, 1])
    gives = np.zeros(len(c.peers), np.bool_)
    asks, count, total = np.empty(judged.shape[1], np.int64), 0, 0
    sizes = judged[J_FREE if bits >> BY_CAPACITY & 1 else J_UNITS]
    for ask in range(judged.shape[1]):
        units = sizes[ask]
        if judged[J_FAILS, ask] & bits or units == 0:
            continue
        peer, account, price = judged[J_PEER, ask], judged[J_PROVIDER, ask], judged[J_PRICE, ask]
        if budget < price:
            break
        if gives[peer]:
            continue
        room = LAST
        if bits >> BY_CAP & 1:
            room = room_of(c, f, stamp, account)
            units = min(units, room)
        if budget < LAST:
            units = min(units, budget // price)
            budget -= units * price
        if units > 0:
            gives[peer] = True
            asks[count] = ask
            count += 1
            total += units
            if bits >> BY_CAP & 1:
                c.accounts[account, A_USED] = stamp
                c.accounts[account, A_LEFT] = room - units
    return asks[:count].copy(), gives, total


@uncounted
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
        fails >> BY_MEMORY & 1 == 1,
        fails >> BY_REGION & 1 == 1,
        fails >> BY_TRAITS & 1 == 1,
        fails >> BY_LIST & 1 == 1,
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
def judge_asks(
    c: Columns, f: Filter, slots: I32, now: int, terms: I64, enough: int
) -> tuple[int, int]:
    """Return the reasons against some asks of one provider, cheapest first, as bits, and the
    cheapest price, or NONE, that nothing or only the price stands against.

    Once that is no more than `enough` the reasons of the others are left out.
    """
    begin_scan(c, f)
    reasons, best = 0, NONE
    for slot in slots:
        price = c.terms[slot, T_PRICE]
        reason = find_reason(c, f, slot, c.links[slot, L_PEER], now, terms)
        reasons |= 1 << reason
        if reason in (0, BY_ITS_PRICE) and best == NONE:
            best = price
        if price > terms[0] or (best != NONE and best <= enough):
            # The price is judged first, and all that follow are as dear.
            break
    return reasons, best
