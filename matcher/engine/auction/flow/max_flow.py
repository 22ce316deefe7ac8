"""Send as many units as can be from peers to demands, prices aside: compiled, in integers.

A demand that lacks units takes them from a peer; if that peer is sold out, one who holds units of
it takes from another peer instead, and so forth. All shortest detours are used up before longer
ones are looked for. Then the demands that the search has reached must go short.
"""

import numpy as np
import numpy.typing as npt

from matcher.engine.auction.arrays import AuctionArrays, Ints
from matcher.engine.auction.flow.flow_state import (
    NONE,
    SHIFT,
    STEPS,
    WORD,
    WORDS,
    ResidualFlow,
    give_back,
    take_arc,
)
from matcher.engine.auction.flow.provider_caps import bar, lift, room_of
from matcher.engine.index.compiled import compiled, uncounted
from matcher.engine.values import NO_CAP

Matrix = npt.NDArray[np.int64]

WHO, ROW, ARC = range(3)
# The top six bits of a power of two times this number differ for all of them.
_SPELL = 0x03F79D71B4CB0A89
_PLACES = np.argsort([(_SPELL << place) % 2**WORD >> WORD - SHIFT for place in range(WORD)])


@uncounted
def _first_row(word: int, bits: int) -> int:
    """Return the row of the lowest bit that is set in a word."""
    return int((word << SHIFT) + _PLACES[((bits & -bits) * _SPELL >> WORD - SHIFT) & WORD - 1])


@compiled
def _offer(flow: ResidualFlow, peers: Ints, asks: Ints, most: int) -> None:
    """Put up for sale what these peers ask `most` for, or less, and nothing else."""
    for place in range(flow.state[WORDS]):
        flow.spot[flow.word[place]] = NONE
    count = 0
    for peer in peers:
        if asks[peer] > most:
            continue
        for row in flow.rows[flow.rows_at[peer] : flow.rows_at[peer + 1]]:
            word = row >> SHIFT
            if flow.spot[word] < 0:
                flow.spot[word], flow.word[count], flow.mask[count] = count, word, 0
                count += 1
            flow.mask[flow.spot[word]] |= 1 << (row & WORD - 1)
    flow.state[WORDS] = count


@uncounted
def _hide(flow: ResidualFlow, mask: Ints, peer: int) -> None:
    for row in flow.rows[flow.rows_at[peer] : flow.rows_at[peer + 1]]:
        mask[flow.spot[row >> SHIFT]] &= ~(1 << (row & WORD - 1))


@uncounted
def _queue_holders(
    market: AuctionArrays, flow: ResidualFlow, peer: int, depth: int, queue: Ints, tail: int
) -> int:
    arc = flow.of_peer[peer]
    while arc >= 0:
        holder = flow.demand[arc]
        if flow.depth[holder] < 0:
            flow.depth[holder], flow.by[holder] = depth, market.provider[flow.row[arc]]
            queue[tail] = holder
            tail += 1
        arc = flow.below[arc]
    return tail


@compiled
def _search(
    market: AuctionArrays, flow: ResidualFlow, demands: Ints, bids: Ints, least: int, peers: Ints
) -> int:
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
            flow.depth[demand], flow.by[demand] = 0, NONE
            queue[tail] = demand
            tail += 1
    while head < tail:
        demand = queue[head]
        head += 1
        depth = flow.depth[demand] + 1
        if found >= 0 and depth > found:
            break
        bits, at = flow.bits[market.kind[demand]], 0
        bar(market, flow, demand, flow.by[demand])
        flow.state[STEPS] -= count
        while at < count:
            place = places[at]
            if unseen[place] == 0:
                count -= 1
                places[at] = places[count]
                continue
            at += 1
            seen = bits[flow.word[place]] & unseen[place] & ~flow.barred[flow.word[place]]
            while seen:
                peer = market.peer[_first_row(flow.word[place], seen)]
                seen &= seen - 1
                if flow.reach[peer] >= 0:
                    continue
                flow.reach[peer] = depth
                _hide(flow, unseen, peer)
                if flow.left[peer] > 0:
                    found = depth
                else:
                    tail = _queue_holders(market, flow, peer, depth, queue, tail)
        lift(market, flow, demand)
    return found


@compiled
def _layer(flow: ResidualFlow, peers: Ints, far: int) -> Matrix:
    """Return the rows of peers by how far away they are; of the farthest those with units left."""
    layers = np.zeros((far + 1, flow.state[WORDS]), np.int64)
    for peer in peers:
        depth = flow.reach[peer]
        if 0 < depth < far or (depth == far and flow.left[peer] > 0):
            for row in flow.rows[flow.rows_at[peer] : flow.rows_at[peer + 1]]:
                layers[depth, flow.spot[row >> SHIFT]] |= 1 << (row & WORD - 1)
    return layers


@uncounted
def _next_row(
    market: AuctionArrays, flow: ResidualFlow, demand: int, provider: int, layer: Ints
) -> int:
    """Return the next row of a layer that the demand may take for units of a provider, or NONE."""
    bits, count, barred = flow.bits[market.kind[demand]], flow.state[WORDS], flow.barred
    bar(market, flow, demand, provider)
    start = place = flow.turn_of[demand]
    seen = 0
    while place < count:
        word = flow.word[place]
        seen = bits[word] & layer[place] & ~barred[word]
        if seen:
            break
        place += 1
    lift(market, flow, demand)
    flow.turn_of[demand] = place
    flow.state[STEPS] -= place - start + 1
    return _first_row(flow.word[place], seen) if seen else NONE


@uncounted
def _next_arc(flow: ResidualFlow, peer: int, depth: int) -> int:
    """Return the next arc of a peer whose holder is so far away, or NONE."""
    arc = flow.turn[peer]
    while arc >= 0 and flow.depth[flow.demand[arc]] != depth:
        arc = flow.below[arc]
    flow.turn[peer] = arc
    return int(arc)


@uncounted
def _room_at(market: AuctionArrays, flow: ResidualFlow, path: Matrix, step: int) -> int:
    """Return how many units a cap lets a demand on a path take there."""
    provider = market.provider[path[ROW, step]]
    if step > 0 and market.provider[path[ROW, step - 1]] == provider:
        return NO_CAP
    return room_of(market, flow, path[WHO, step], provider)


@uncounted
def _pass_on(market: AuctionArrays, flow: ResidualFlow, path: Matrix, top: int) -> int:
    """Send units along a path; return where on it others can still be sent, or NONE.

    That is as far as all arcs hold more units and all caps allow more. NONE: there is no arc
    left to note it in.
    """
    last = market.peer[path[ROW, top]]
    units = min(flow.lacks[path[WHO, 0]], flow.left[last])
    for step in range(top + 1):
        units = min(units, _room_at(market, flow, path, step))
        if step < top:
            units = min(units, flow.units[path[ARC, step]])
    if units <= 0:
        return NONE
    flow.lacks[path[WHO, 0]] -= units
    flow.left[last] -= units
    holds = top
    for step in range(top, -1, -1):
        if step < top:
            arc = path[ARC, step]
            if flow.units[arc] == units:
                flow.turn[market.peer[flow.row[arc]]] = flow.below[arc]
                holds = step
            give_back(market, flow, arc, units)
        if not take_arc(market, flow, path[WHO, step], path[ROW, step], units):
            return NONE
        if _room_at(market, flow, path, step) == 0:
            holds = step
    return holds


@compiled
def _send(market: AuctionArrays, flow: ResidualFlow, demands: Ints, peers: Ints, far: int) -> bool:
    """Augment along all paths over `far` peers; False when there is no free arc left."""
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
            gives = market.provider[path[ROW, top - 1]] if top > 0 else NONE
            row = _next_row(market, flow, path[WHO, top], gives, layers[top + 1])
            if row < 0:
                if top == 0:
                    break
                top -= 1
                arc = path[ARC, top]
                flow.turn[market.peer[flow.row[arc]]] = flow.below[arc]
                continue
            path[ROW, top] = row
            peer = market.peer[row]
            if top + 1 < far:
                arc = _next_arc(flow, peer, top + 1)
                if arc < 0:
                    _hide(flow, layers[top + 1], peer)
                    continue
                path[ARC, top] = arc
                top += 1
                path[WHO, top] = flow.demand[arc]
                continue
            top = _pass_on(market, flow, path, top)
            if top < 0:
                return False
            if flow.left[peer] == 0:
                _hide(flow, layers[far], peer)
    return True


@compiled
def send_all(
    market: AuctionArrays,
    flow: ResidualFlow,
    demands: Ints,
    bids: Ints,
    least: int,
    peers: Ints,
    asks: Ints,
    most: int,
) -> bool:
    """Send as many units as can be to those who bid above `least` from those who ask up to `most`.

    Only among these demands and peers, which have no arcs to others. False when it takes too
    many steps or arcs.
    """
    _offer(flow, peers, asks, most)
    missing = flow.lacks[demands].sum()
    while flow.state[STEPS] > 0:
        far = _search(market, flow, demands, bids, least, peers)
        if far < 0:
            return True
        if not _send(market, flow, demands, peers, far):
            return False
        # What the search reaches by one provider may be barred by way of another.
        before, missing = missing, flow.lacks[demands].sum()
        if missing == before:
            return True
    return False
