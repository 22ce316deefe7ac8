"""Send as many units as can be from peers to demands, prices aside: compiled, in integers.

A demand that lacks units takes them from a peer; if that peer is sold out, one who holds units of
it takes from another peer instead, and so forth. All shortest detours are used up before longer
ones are looked for. When there are none left, those whom the search has reached must go short.
"""

import numpy as np
import numpy.typing as npt

from matcher.engine.compiled import compiled
from matcher.engine.round_market import Ints, Market
from matcher.engine.round_shares import NONE, STEPS, WORD, WORDS, Flow, give_back, take_share

Matrix = npt.NDArray[np.int64]

WHO, ROW, SHARE = range(3)
_SHIFT = 6
# The top six bits of a power of two times this number differ for all of them.
_SPELL = 0x03F79D71B4CB0A89
_PLACES = np.argsort([(_SPELL << place) % 2**WORD >> WORD - _SHIFT for place in range(WORD)])


@compiled
def _first_row(word: int, bits: int) -> int:
    """Return the row of the lowest bit that is set in a word."""
    return int((word << _SHIFT) + _PLACES[((bits & -bits) * _SPELL >> WORD - _SHIFT) & WORD - 1])


@compiled
def _offer(flow: Flow, peers: Ints, asks: Ints, most: int) -> None:
    """Put up for sale what these peers ask `most` for, or less, and nothing else."""
    for place in range(flow.state[WORDS]):
        flow.spot[flow.word[place]] = NONE
    count = 0
    for peer in peers:
        if asks[peer] > most:
            continue
        for row in flow.rows[flow.rows_at[peer] : flow.rows_at[peer + 1]]:
            word = row >> _SHIFT
            if flow.spot[word] < 0:
                flow.spot[word], flow.word[count], flow.mask[count] = count, word, 0
                count += 1
            flow.mask[flow.spot[word]] |= 1 << (row & WORD - 1)
    flow.state[WORDS] = count


@compiled
def _hide(flow: Flow, mask: Ints, peer: int) -> None:
    for row in flow.rows[flow.rows_at[peer] : flow.rows_at[peer + 1]]:
        mask[flow.spot[row >> _SHIFT]] &= ~(1 << (row & WORD - 1))


@compiled
def _search(market: Market, flow: Flow, demands: Ints, bids: Ints, least: int, peers: Ints) -> int:
    """Note how far all are from demands that bid more than `least` and lack units.

    Returns how many peers away the nearest free units are, or NONE.
    """
    count = flow.state[WORDS]
    unseen, places = flow.mask[:count].copy(), np.arange(count)
    queue, tail, head, found = np.empty(len(demands), np.int64), 0, 0, NONE
    for peer in peers:
        flow.reach[peer] = NONE
    for demand in demands:
        flow.depth[demand] = NONE
        if flow.lacks[demand] > 0 and bids[demand] > least:
            flow.depth[demand] = 0
            queue[tail] = demand
            tail += 1
    while head < tail:
        demand = queue[head]
        head += 1
        depth = flow.depth[demand] + 1
        if found >= 0 and depth > found:
            break
        bits, at = flow.bits[market.kind[demand]], 0
        flow.state[STEPS] -= count
        while at < count:
            place = places[at]
            if unseen[place] == 0:
                count -= 1
                places[at] = places[count]
                continue
            at += 1
            seen = bits[flow.word[place]] & unseen[place]
            while seen:
                peer = market.peer[_first_row(flow.word[place], seen)]
                seen &= seen - 1
                if flow.reach[peer] >= 0:
                    continue
                flow.reach[peer] = depth
                _hide(flow, unseen, peer)
                if flow.left[peer] > 0:
                    found = depth
                    continue
                share = flow.of_peer[peer]
                while share >= 0:
                    holder = flow.demand[share]
                    share = flow.below[share]
                    if flow.depth[holder] < 0:
                        flow.depth[holder] = depth
                        queue[tail] = holder
                        tail += 1
    return found


@compiled
def _layer(flow: Flow, peers: Ints, far: int) -> Matrix:
    """Return the rows of peers by how far away they are; of the farthest those with units left."""
    layers = np.zeros((far + 1, flow.state[WORDS]), np.int64)
    for peer in peers:
        depth = flow.reach[peer]
        if 0 < depth < far or (depth == far and flow.left[peer] > 0):
            for row in flow.rows[flow.rows_at[peer] : flow.rows_at[peer + 1]]:
                layers[depth, flow.spot[row >> _SHIFT]] |= 1 << (row & WORD - 1)
    return layers


@compiled
def _next_row(market: Market, flow: Flow, demand: int, layer: Ints) -> int:
    """Return the next row of a layer that the demand may take, or NONE."""
    bits, count = flow.bits[market.kind[demand]], flow.state[WORDS]
    start = place = flow.turn_of[demand]
    while place < count and not bits[flow.word[place]] & layer[place]:
        place += 1
    flow.turn_of[demand] = place
    flow.state[STEPS] -= place - start + 1
    if place == count:
        return NONE
    return _first_row(flow.word[place], bits[flow.word[place]] & layer[place])


@compiled
def _next_share(flow: Flow, peer: int, depth: int) -> int:
    """Return the next share of a peer whose holder is so far away, or NONE."""
    share = flow.turn[peer]
    while share >= 0 and flow.depth[flow.demand[share]] != depth:
        share = flow.below[share]
    flow.turn[peer] = share
    return int(share)


@compiled
def _pass_on(market: Market, flow: Flow, path: Matrix, top: int) -> int:
    """Send units along a path; return where on it others can still be sent, or NONE.

    That is as far as all shares hold more units. NONE: there is no share left to note it in.
    """
    last = market.peer[path[ROW, top]]
    units = min(flow.lacks[path[WHO, 0]], flow.left[last])
    for step in range(top):
        units = min(units, flow.units[path[SHARE, step]])
    flow.lacks[path[WHO, 0]] -= units
    flow.left[last] -= units
    holds = top
    for step in range(top, -1, -1):
        if step < top:
            share = path[SHARE, step]
            if flow.units[share] == units:
                flow.turn[market.peer[flow.row[share]]] = flow.below[share]
                holds = step
            give_back(market, flow, share, units)
        if not take_share(market, flow, path[WHO, step], path[ROW, step], units):
            return NONE
    return holds


@compiled
def _send(market: Market, flow: Flow, demands: Ints, peers: Ints, far: int) -> bool:
    """Use up all detours over `far` peers; False when there is no share left."""
    layers = _layer(flow, peers, far)
    flow.turn[peers] = flow.of_peer[peers]
    flow.turn_of[demands] = 0
    path = np.empty((3, far), np.int64)
    for source in demands:
        if flow.depth[source] != 0:
            continue
        top = 0
        path[WHO, 0] = source
        while flow.lacks[source] > 0:
            row = _next_row(market, flow, path[WHO, top], layers[top + 1])
            if row < 0:
                if top == 0:
                    break
                top -= 1
                share = path[SHARE, top]
                flow.turn[market.peer[flow.row[share]]] = flow.below[share]
                continue
            path[ROW, top] = row
            peer = market.peer[row]
            if top + 1 < far:
                share = _next_share(flow, peer, top + 1)
                if share < 0:
                    _hide(flow, layers[top + 1], peer)
                    continue
                path[SHARE, top] = share
                top += 1
                path[WHO, top] = flow.demand[share]
                continue
            top = _pass_on(market, flow, path, top)
            if top < 0:
                return False
            if flow.left[peer] == 0:
                _hide(flow, layers[far], peer)
    return True


@compiled
def send_all(
    market: Market,
    flow: Flow,
    demands: Ints,
    bids: Ints,
    least: int,
    peers: Ints,
    asks: Ints,
    most: int,
) -> bool:
    """Send as many units as can be to those who bid above `least` from those who ask up to `most`.

    Only among these demands and peers, none of which share with others. False when it takes too
    many steps or shares.
    """
    _offer(flow, peers, asks, most)
    while flow.state[STEPS] > 0:
        far = _search(market, flow, demands, bids, least, peers)
        if far < 0:
            return True
        if not _send(market, flow, demands, peers, far):
            return False
    return False
