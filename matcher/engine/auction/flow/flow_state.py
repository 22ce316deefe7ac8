"""Residual flow between demands and peers, as linked lists of arcs: compiled, in integers."""

from typing import NamedTuple

import numpy as np

from matcher.engine.auction.arrays import AuctionArrays, Ints
from matcher.engine.index.compiled import uncounted

WORD, SHIFT = 64, 6
WORDS, SPARE, STEPS = range(3)
NONE, FIXED = -1, -2


class ResidualFlow(NamedTuple):
    """Units that flow from peers to demands: arcs, in a list of each demand and one of each peer.

    `lacks` and `left` are the units still to be had, by demand and by peer; `of_demand` and
    `of_peer` the first arc. `depth` and `reach` say over how many peers a demand that lacks units
    gets there (NONE: not at all), `by` whose units it can give up then, as a provider; `turn_of`
    and `turn` what is to be looked at next.

    By arc: `demand`, `row`, `units`, and the neighbours in the list of the demand (`after`,
    `before`) and of the peer (`below`, `above`; FIXED: it is for good, and not in that list).

    `bits` are the market's `eligible` in words, of which `barred` ones are not for the demand that
    is looked at. The `rows` of a peer begin at `rows_at`, those of a provider (`stock`) at
    `stock_at`.
    `word` and `mask` have the rows that are for sale, `spot` says where a word is among them.
    `state` counts these words and the steps that are left, and has the first arc not in use.
    """

    lacks: Ints
    left: Ints
    of_demand: Ints
    of_peer: Ints
    depth: Ints
    reach: Ints
    turn_of: Ints
    turn: Ints
    demand: Ints
    row: Ints
    units: Ints
    after: Ints
    before: Ints
    below: Ints
    above: Ints
    by: Ints
    bits: Ints
    barred: Ints
    stock: Ints
    stock_at: Ints
    rows: Ints
    rows_at: Ints
    word: Ints
    mask: Ints
    spot: Ints
    state: Ints


def empty_flow(market: AuctionArrays, steps: int) -> ResidualFlow:
    """Return the flow of nothing; it may read so many words of rows."""
    demands, peers, rows = len(market.bid), len(market.free), len(market.price)
    words = -(-rows // WORD)
    fits = np.zeros((len(market.eligible), words * WORD // 8), np.uint8)
    fits[:, : market.eligible.shape[1]] = market.eligible
    # A flow without needless detours has fewer arcs than there are demands and peers.
    arcs = 8 * (demands + peers)
    after = np.arange(1, arcs + 1)
    after[-1] = NONE
    return ResidualFlow(
        lacks=market.want.copy(),
        left=market.free.copy(),
        of_demand=np.full(demands, NONE, np.int64),
        of_peer=np.full(peers, NONE, np.int64),
        depth=np.full(demands, NONE, np.int64),
        reach=np.full(peers, NONE, np.int64),
        turn_of=np.zeros(demands, np.int64),
        turn=np.zeros(peers, np.int64),
        demand=np.zeros(arcs, np.int64),
        row=np.zeros(arcs, np.int64),
        units=np.zeros(arcs, np.int64),
        after=after,
        before=np.full(arcs, NONE, np.int64),
        below=np.full(arcs, NONE, np.int64),
        above=np.full(arcs, NONE, np.int64),
        by=np.full(demands, NONE, np.int64),
        barred=np.zeros(words, np.int64),
        stock=np.argsort(market.provider, kind="stable"),
        stock_at=np.searchsorted(
            np.sort(market.provider),
            np.arange(max(market.provider.max(initial=0), market.sold_provider.max(initial=0)) + 2),
        ),
        bits=fits.view("<i8").astype(np.int64),
        rows=np.argsort(market.peer, kind="stable"),
        rows_at=np.searchsorted(np.sort(market.peer), np.arange(peers + 1)),
        word=np.zeros(words, np.int64),
        mask=np.zeros(words, np.int64),
        spot=np.full(words, NONE, np.int64),
        state=np.array([0, 0, steps], np.int64),
    )


@uncounted
def _leave_peer(market: AuctionArrays, flow: ResidualFlow, arc: int) -> None:
    earlier, later = flow.above[arc], flow.below[arc]
    if earlier >= 0:
        flow.below[earlier] = later
    else:
        flow.of_peer[market.peer[flow.row[arc]]] = later
    if later >= 0:
        flow.above[later] = earlier


@uncounted
def give_back(market: AuctionArrays, flow: ResidualFlow, arc: int, units: int) -> None:
    """Take units of an arc back from its demand; one without units is no longer in the lists."""
    flow.units[arc] -= units
    if flow.units[arc] > 0:
        return
    earlier, later = flow.before[arc], flow.after[arc]
    if earlier >= 0:
        flow.after[earlier] = later
    else:
        flow.of_demand[flow.demand[arc]] = later
    if later >= 0:
        flow.before[later] = earlier
    _leave_peer(market, flow, arc)
    flow.after[arc] = flow.state[SPARE]
    flow.state[SPARE] = arc


@uncounted
def take_arc(market: AuctionArrays, flow: ResidualFlow, demand: int, row: int, units: int) -> bool:
    """Give units to a demand; False when there is no arc left to note it in."""
    arc = flow.of_demand[demand]
    while arc >= 0:
        if flow.row[arc] == row and flow.below[arc] != FIXED:
            flow.units[arc] += units
            return True
        arc = flow.after[arc]
    arc, peer = flow.state[SPARE], market.peer[row]
    if arc < 0:
        return False
    flow.state[SPARE] = flow.after[arc]
    flow.demand[arc], flow.row[arc], flow.units[arc] = demand, row, units
    first = flow.of_demand[demand]
    flow.before[arc], flow.after[arc] = NONE, first
    if first >= 0:
        flow.before[first] = arc
    flow.of_demand[demand] = arc
    first = flow.of_peer[peer]
    flow.above[arc], flow.below[arc] = NONE, first
    if first >= 0:
        flow.above[first] = arc
    flow.of_peer[peer] = arc
    return True


@uncounted
def fix(market: AuctionArrays, flow: ResidualFlow, arc: int) -> None:
    """Leave an arc to its demand for good: nobody else can have its units."""
    _leave_peer(market, flow, arc)
    flow.below[arc] = FIXED


@uncounted
def undo(market: AuctionArrays, flow: ResidualFlow, arc: int) -> None:
    """Undo an arc: its units are to be had again, on both sides."""
    units = flow.units[arc]
    flow.lacks[flow.demand[arc]] += units
    flow.left[market.peer[flow.row[arc]]] += units
    give_back(market, flow, arc, units)
