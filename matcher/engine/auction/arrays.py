"""The demands and the book of a round as arrays, which the compiled kernels read.

Everything is a 64-bit integer. Products of a price and units must stay far below 2^63, so demands
worth 2^48 base units an epoch or more are not for the kernels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matcher.engine.auction.eligibility import Bytes, group_by_eligibility, pack_eligibility
from matcher.engine.index.layout import PRICE_LIMIT
from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import MAX_FILLS, NO_CAP, Demand, DemandLimits

Ints = npt.NDArray[np.int64]

MOST_WORTH = 2**48
MOST_DEMANDS = 2**13
MOST_CELLS = 2**31
_MOST_BUDGET = 2**62


class AuctionArrays(NamedTuple):
    """Rows (asks, cheapest first), peers and demands (most urgent first).

    By row: `price`, `peer`, `provider`, `region`. By peer: `stock`, the units that are for sale,
    and `free`, those of them that nobody got before the round. By demand: `kind` is the row of
    `eligible`, which has one bit for each ask that it may take, at most one of each peer; `bid` is
    what a unit counts for, `limit` what it may cost at most; `want`, `least` (0 or the
    all-or-nothing minimum), `budget`, `fills`, `cap` (NO_CAP: none) and `spread` (regions at least)
    are what is to be kept. `sold_provider[i]` has sold `sold_units[i]` to demand d before,
    for i from `sold_at[d]` to `sold_at[d + 1]`.
    """

    price: Ints
    peer: Ints
    provider: Ints
    region: Ints
    stock: Ints
    free: Ints
    kind: Ints
    eligible: Bytes
    bid: Ints
    limit: Ints
    want: Ints
    least: Ints
    budget: Ints
    fills: Ints
    cap: Ints
    spread: Ints
    sold_at: Ints
    sold_provider: Ints
    sold_units: Ints


class Allocation(NamedTuple):
    """Who got what. `row` and `units` by demand and line; a line of no units is empty.

    `left` by peer; `got`, `spent` and `lines` by demand. `first`, `after` and `before` chain the
    lines of each peer, named demand * MAX_FILLS + line; -1 ends a chain. `work` counts rows read.
    """

    row: Ints
    units: Ints
    left: Ints
    got: Ints
    spent: Ints
    lines: Ints
    first: Ints
    after: Ints
    before: Ints
    work: Ints


@dataclass(frozen=True, slots=True)
class LimitedDemand:
    """A demand of a round, and the limits for what it can still get."""

    demand: Demand
    limits: DemandLimits

    @property
    def is_narrow(self) -> bool:
        """Whether the kernels can count with it."""
        return self.demand.weight * self.limits.want < MOST_WORTH


def build_arrays(
    wanted: Sequence[LimitedDemand], book: OrderBook, taken: Mapping[int, int]
) -> tuple[AuctionArrays, Ints] | None:
    """Return the arrays, and by row the book's name for its ask; None when there are too many.

    `taken` are units by peer that are given away already.
    """
    rows = book.rows()
    kinds, kind, highest = group_by_eligibility([entry.demand for entry in wanted], book)
    if len(kinds) * len(rows.price) > MOST_CELLS or len(wanted) > MOST_DEMANDS:
        return None
    stock = np.zeros(book.peer_slots, np.int64)
    stock[rows.peer] = rows.free
    free = stock.copy()
    for peer, units in taken.items():
        free[book.peer_slot(peer)] -= units
    limits = [entry.limits for entry in wanted]
    sold = [
        (book.account_slot(provider), units)
        for entry in limits
        for provider, units in entry.sold.items()
    ]
    market = AuctionArrays(
        price=rows.price.astype(np.int64),
        peer=rows.peer.astype(np.int64),
        provider=rows.provider.astype(np.int64),
        region=rows.region.astype(np.int64),
        stock=stock,
        free=free,
        kind=np.array(kind, np.int64),
        eligible=pack_eligibility(kinds, highest, book),
        bid=_ints(entry.demand.weight for entry in wanted),
        limit=_ints(min(entry.demand.offer.max_price, PRICE_LIMIT) for entry in wanted),
        want=_ints(entry.want for entry in limits),
        least=_ints(e.demand.offer.min_units if e.demand.is_first else 0 for e in wanted),
        budget=_ints(min(entry.budget, _MOST_BUDGET) for entry in limits),
        fills=_ints(min(entry.fills, MAX_FILLS) for entry in limits),
        cap=_ints(min(entry.cap, NO_CAP) for entry in limits),
        spread=_ints(entry.regions for entry in limits),
        sold_at=np.cumsum([0] + [len(entry.sold) for entry in limits], dtype=np.int64),
        sold_provider=_ints(slot for slot, _ in sold),
        sold_units=_ints(units for _, units in sold),
    )
    return market, rows.slot.astype(np.int64)


def scale(market: AuctionArrays, bids: Ints) -> tuple[AuctionArrays, int]:
    """Return the market at these bids in finer money, in which every unit is worth one more.

    So of two allocations of the same surplus the one with more units is better. The second value
    says how many of the fine coins make a base unit: more than there are units, if they fit.
    """
    dearest = int(bids.max(initial=0)) + 1
    units = int(np.minimum(market.want, market.free.sum()).sum())
    room = MOST_WORTH // max(1, int((bids * market.want).max(initial=0)), dearest)
    factor = 1
    while factor <= units and 2 * factor < room:
        factor *= 2
    scaled = market._replace(
        # Nobody bids more than the dearest, so that what costs more is all the same.
        price=np.minimum(market.price, dearest) * factor,
        budget=np.minimum(market.budget, _MOST_BUDGET // factor) * factor,
        bid=bids * factor + (factor > 1),
    )
    return scaled, factor


def empty_allocation(market: AuctionArrays) -> Allocation:
    """Return the state in which nobody got anything."""
    demands, peers = len(market.bid), len(market.free)
    return Allocation(
        row=np.zeros((demands, MAX_FILLS), np.int64),
        units=np.zeros((demands, MAX_FILLS), np.int64),
        left=market.free.copy(),
        got=np.zeros(demands, np.int64),
        spent=np.zeros(demands, np.int64),
        lines=np.zeros(demands, np.int64),
        first=np.full(peers, -1, np.int64),
        after=np.full(demands * MAX_FILLS, -1, np.int64),
        before=np.full(demands * MAX_FILLS, -1, np.int64),
        work=np.zeros(1, np.int64),
    )


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)
