"""Who has how many units of whom while a flow is sought: shares in lists, compiled, in integers."""

from typing import NamedTuple

import numpy as np

from matcher.engine.auction.arrays import Ints, Market
from matcher.engine.index.compiled import compiled

WORD, SHIFT = 64, 6
WORDS, SPARE, STEPS = range(3)
NONE, FIXED = -1, -2


class Flow(NamedTuple):
    """Who has how many units of whom: shares, in a list of each demand and one of each peer.

    `lacks` and `left` are the units still to be had, by demand and by peer; `of_demand` and
    `of_peer` the first share. `depth` and `reach` say over how many peers a demand that lacks units
    gets there (NONE: not at all), `by` whose units it can give up then, as a provider; `turn_of`
    and `turn` what is to be looked at next.

    By share: `demand`, `row`, `units`, and the neighbours in the list of the demand (`after`,
    `before`) and of the peer (`below`, `above`; FIXED: it is for good, and not in that list).

    `bits` are the market's `fits` in words, of which `barred` ones are not for the demand that is
    looked at. The `rows` of a peer begin at `rows_at`, those of a provider (`stock`) at `stock_at`.
    `word` and `mask` have the rows that are for sale, `spot` says where a word is among them.
    `state` counts these words and the steps that are left, and has the first share not in use.
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


def empty_flow(market: Market, steps: int) -> Flow:
    """Return the flow of nothing; it may read so many words of rows."""
    demands, peers, rows = len(market.bid), len(market.free), len(market.price)
    words = -(-rows // WORD)
    fits = np.zeros((len(market.fits), words * WORD // 8), np.uint8)
    fits[:, : market.fits.shape[1]] = market.fits
    # A flow without needless detours has fewer shares than there are demands and peers.
    shares = 8 * (demands + peers)
    after = np.arange(1, shares + 1)
    after[-1] = NONE
    return Flow(
        lacks=market.want.copy(),
        left=market.free.copy(),
        of_demand=np.full(demands, NONE, np.int64),
        of_peer=np.full(peers, NONE, np.int64),
        depth=np.full(demands, NONE, np.int64),
        reach=np.full(peers, NONE, np.int64),
        turn_of=np.zeros(demands, np.int64),
        turn=np.zeros(peers, np.int64),
        demand=np.zeros(shares, np.int64),
        row=np.zeros(shares, np.int64),
        units=np.zeros(shares, np.int64),
        after=after,
        before=np.full(shares, NONE, np.int64),
        below=np.full(shares, NONE, np.int64),
        above=np.full(shares, NONE, np.int64),
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


@compiled
def _leave_peer(market: Market, flow: Flow, share: int) -> None:
    earlier, later = flow.above[share], flow.below[share]
    if earlier >= 0:
        flow.below[earlier] = later
    else:
        flow.of_peer[market.peer[flow.row[share]]] = later
    if later >= 0:
        flow.above[later] = earlier


@compiled
def give_back(market: Market, flow: Flow, share: int, units: int) -> None:
    """Take units of a share back from its demand; one without units is no longer in the lists."""
    flow.units[share] -= units
    if flow.units[share] > 0:
        return
    earlier, later = flow.before[share], flow.after[share]
    if earlier >= 0:
        flow.after[earlier] = later
    else:
        flow.of_demand[flow.demand[share]] = later
    if later >= 0:
        flow.before[later] = earlier
    _leave_peer(market, flow, share)
    flow.after[share] = flow.state[SPARE]
    flow.state[SPARE] = share


@compiled
def take_share(market: Market, flow: Flow, demand: int, row: int, units: int) -> bool:
    """Give units to a demand; False when there is no share left to note it in."""
    share = flow.of_demand[demand]
    while share >= 0:
        if flow.row[share] == row and flow.below[share] != FIXED:
            flow.units[share] += units
            return True
        share = flow.after[share]
    share, peer = flow.state[SPARE], market.peer[row]
    if share < 0:
        return False
    flow.state[SPARE] = flow.after[share]
    flow.demand[share], flow.row[share], flow.units[share] = demand, row, units
    first = flow.of_demand[demand]
    flow.before[share], flow.after[share] = NONE, first
    if first >= 0:
        flow.before[first] = share
    flow.of_demand[demand] = share
    first = flow.of_peer[peer]
    flow.above[share], flow.below[share] = NONE, first
    if first >= 0:
        flow.above[first] = share
    flow.of_peer[peer] = share
    return True


@compiled
def fix(market: Market, flow: Flow, share: int) -> None:
    """Leave a share to its demand for good: nobody else can have its units."""
    _leave_peer(market, flow, share)
    flow.below[share] = FIXED


@compiled
def undo(market: Market, flow: Flow, share: int) -> None:
    """Undo a share: its units are to be had again, on both sides."""
    units = flow.units[share]
    flow.lacks[flow.demand[share]] += units
    flow.left[market.peer[flow.row[share]]] += units
    give_back(market, flow, share, units)
