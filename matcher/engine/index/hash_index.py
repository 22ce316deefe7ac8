"""Find asks by hash and by peer, peers by provider, and change them (kernels; see `layout`)."""

import numpy as np

from matcher.engine.index.blocks import insert_row, remove_row, rewrite_row
from matcher.engine.index.compiled import compiled
from matcher.engine.index.layout import (
    A_COUNTER,
    A_PEER,
    COUNT,
    DIRECTORY,
    I32,
    L_BEFORE,
    L_NEXT,
    L_PEER,
    MIN_VALID,
    NONE,
    P_ASK,
    P_BEFORE,
    P_KNOWN,
    P_NEXT,
    P_PROVIDER,
    SLOT,
    T_COUNTER,
    T_VALID,
    U64,
    Columns,
)


@compiled
def home_of(c: Columns, word: int) -> int:
    """Return the place of the index at which a hash belongs: hashes are random already."""
    return int(np.int64(word & np.uint64(len(c.by_hash) - 1)))


@compiled
def find_ask(c: Columns, key: U64) -> int:
    """Return the slot of the ask with a hash of these four words, or NONE."""
    mask = len(c.by_hash) - 1
    place = home_of(c, key[0])
    while c.by_hash[place] != NONE:
        slot = c.by_hash[place]
        if (
            c.words[slot, 0] == key[0]
            and c.words[slot, 1] == key[1]
            and c.words[slot, 2] == key[2]
            and c.words[slot, 3] == key[3]
        ):
            return int(slot)
        place = (place + 1) & mask
    return NONE


@compiled
def index_ask(c: Columns, slot: int) -> None:
    """Enter an ask that is not in the index."""
    mask = len(c.by_hash) - 1
    place = home_of(c, c.words[slot, 0])
    while c.by_hash[place] != NONE:
        place = (place + 1) & mask
    c.by_hash[place] = slot


@compiled
def unindex_ask(c: Columns, slot: int) -> None:
    """Take an ask out of the index, and close the gap."""
    mask = len(c.by_hash) - 1
    gap = home_of(c, c.words[slot, 0])
    while c.by_hash[gap] != slot:
        gap = (gap + 1) & mask
    place = gap
    while True:
        place = (place + 1) & mask
        moved = c.by_hash[place]
        if moved == NONE:
            break
        home = home_of(c, c.words[moved, 0])
        # It may fill the gap unless its home lies between the gap and where it is.
        if ((place - home) & mask) >= ((place - gap) & mask):
            c.by_hash[gap] = moved
            gap = place
    c.by_hash[gap] = NONE


@compiled
def index_all(c: Columns, slots: I32) -> None:
    """Enter many asks; of several with one hash all are entered."""
    for slot in slots:
        index_ask(c, slot)


@compiled
def longer(found: I32, count: int) -> I32:
    """Return the list with room for one more."""
    if count < len(found):
        return found
    copy = np.empty(2 * count, np.int32)
    for place in range(count):
        copy[place] = found[place]
    return copy


@compiled
def index_newest(c: Columns, slots: I32) -> I32:
    """Enter many asks; return the slots that lost their place to a later ask of the same hash."""
    lost = np.empty(16, np.int32)
    count = 0
    mask = len(c.by_hash) - 1
    for slot in slots:
        place = home_of(c, c.words[slot, 0])
        while c.by_hash[place] != NONE:
            other = c.by_hash[place]
            if (
                c.words[slot, 0] == c.words[other, 0]
                and c.words[slot, 1] == c.words[other, 1]
                and c.words[slot, 2] == c.words[other, 2]
                and c.words[slot, 3] == c.words[other, 3]
            ):
                lost = longer(lost, count)
                lost[count] = other
                count += 1
                break
            place = (place + 1) & mask
        c.by_hash[place] = slot
    return lost[:count]


@compiled
def link_ask(c: Columns, slot: int) -> None:
    """Make an ask the first of its peer's."""
    peer = c.links[slot, L_PEER]
    first = c.peers[peer, P_ASK]
    c.links[slot, L_NEXT] = first
    c.links[slot, L_BEFORE] = NONE
    if first != NONE:
        c.links[first, L_BEFORE] = slot
    c.peers[peer, P_ASK] = slot


@compiled
def link_all(c: Columns, slots: I32) -> None:
    """Link many asks to their peers."""
    for slot in slots:
        link_ask(c, slot)


@compiled
def add_ask(c: Columns, slot: int, now: int) -> None:
    """Bring an ask into the book whose terms, words and links are written."""
    index_ask(c, slot)
    link_ask(c, slot)
    insert_row(c, slot, now)


@compiled
def drop_ask(c: Columns, slot: int) -> None:
    """Take an ask out of the book."""
    unindex_ask(c, slot)
    before, after = c.links[slot, L_BEFORE], c.links[slot, L_NEXT]
    if before == NONE:
        c.peers[c.links[slot, L_PEER], P_ASK] = after
    else:
        c.links[before, L_NEXT] = after
    if after != NONE:
        c.links[after, L_BEFORE] = before
    remove_row(c, slot)


@compiled
def refresh_peer(c: Columns, peer: int, now: int) -> None:
    """Bring the rows of a peer's asks up to date."""
    slot = c.peers[peer, P_ASK]
    while slot != NONE:
        rewrite_row(c, slot, now)
        slot = c.links[slot, L_NEXT]


@compiled
def refresh_account(c: Columns, account: int, now: int) -> None:
    """Bring the rows of all asks of a provider up to date."""
    peer = c.accounts[account, A_PEER]
    while peer != NONE:
        refresh_peer(c, peer, now)
        peer = c.peers[peer, P_NEXT]


@compiled
def join_provider(c: Columns, peer: int, account: int) -> None:
    """Make a peer known, as the first of its provider's."""
    first = c.accounts[account, A_PEER]
    c.peers[peer, P_KNOWN] = 1
    c.peers[peer, P_PROVIDER] = account
    c.peers[peer, P_NEXT] = first
    c.peers[peer, P_BEFORE] = NONE
    if first != NONE:
        c.peers[first, P_BEFORE] = peer
    c.accounts[account, A_PEER] = peer


@compiled
def leave_provider(c: Columns, peer: int) -> None:
    """Make a peer unknown."""
    before, after = c.peers[peer, P_BEFORE], c.peers[peer, P_NEXT]
    if before == NONE:
        c.accounts[c.peers[peer, P_PROVIDER], A_PEER] = after
    else:
        c.peers[before, P_NEXT] = after
    if after != NONE:
        c.peers[after, P_BEFORE] = before
    c.peers[peer, P_KNOWN] = 0
    c.peers[peer, P_PROVIDER] = 0


@compiled
def join_all(c: Columns, peers: I32, accounts: I32) -> None:
    """Make many peers known; of one that is there twice the last provider counts."""
    for place in range(len(peers)):
        if c.peers[peers[place], P_KNOWN]:
            leave_provider(c, peers[place])
        join_provider(c, peers[place], accounts[place])


@compiled
def list_asks(c: Columns, account: int, stale_only: bool) -> I32:
    """Return the slots of a provider's asks; or of those alone that its counter withdrew."""
    found = np.empty(16, np.int32)
    count = 0
    peer = c.accounts[account, A_PEER]
    while peer != NONE:
        slot = c.peers[peer, P_ASK]
        while slot != NONE:
            if not stale_only or c.terms[slot, T_COUNTER] != c.accounts[account, A_COUNTER]:
                found = longer(found, count)
                found[count] = slot
                count += 1
            slot = c.links[slot, L_NEXT]
        peer = c.peers[peer, P_NEXT]
    return found[:count]


@compiled
def list_expired(c: Columns, now: int) -> I32:
    """Return the slots of the asks whose time is over, in book order."""
    found = np.empty(16, np.int32)
    count = 0
    for position in range(c.state[DIRECTORY]):
        block = c.directory[position]
        if c.sums[block, MIN_VALID] >= now:
            continue
        for place in range(c.sums[block, COUNT]):
            slot = c.narrow[block, SLOT, place]
            if c.terms[slot, T_VALID] < now:
                found = longer(found, count)
                found[count] = slot
                count += 1
    return found[:count]
