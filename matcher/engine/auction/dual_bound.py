"""Lagrangian bound: no round can have a larger surplus than this.

Let every unit of a peer cost its ask and a dual price of zero or more, and let each demand choose
freely: their surplus then, and the dual prices of all units, is at least the surplus of any round.
This holds for every choice of dual prices, whoever proposed them. Everything is in integers.
"""

from collections.abc import Sequence

import numpy as np

from matcher.engine.auction.allocation import may_take, room_at
from matcher.engine.auction.arrays import MOST_WORTH, Allocation, AuctionArrays, Ints
from matcher.engine.index.compiled import compiled
from matcher.engine.values import NO_CAP

_HALF = 24
_STEEPEST = 2**20
_SHARE = 10
_PATIENCE = 15
_TURNS = 400


@compiled
def most_alone(market: AuctionArrays, none: Allocation, most: Ints, surplus: Ints) -> None:
    """Write for each demand how many units it could have alone, and save with them.

    Both at most: minimum regions and the number of lines are left out. Cheapest first gives the
    most units and saves the most. `none` is the state in which nobody has anything.
    """
    used = np.zeros(market.provider.max() + 1 if len(market.provider) else 1, np.int64)
    touched = np.empty(len(market.price), np.int64)
    for demand in range(len(market.bid)):
        count, sum_, budget = 0, 0, market.budget[demand]
        units_left = market.want[demand]
        for row in range(len(market.price)):
            price = market.price[row]
            if units_left == 0 or price > market.bid[demand] or price > budget:
                break
            if not may_take(market, demand, row):
                continue
            units = min(units_left, market.free[market.peer[row]], budget // price)
            if market.cap[demand] < NO_CAP:
                provider = market.provider[row]
                units = min(units, room_at(market, none, demand, provider) - used[provider])
                used[provider] += units
                touched[count] = provider
                count += 1
            units_left -= units
            budget -= units * price
            sum_ += units * (market.bid[demand] - price)
        for place in range(count):
            used[touched[place]] = 0
        most[demand] = market.want[demand] - units_left
        surplus[demand] = sum_
        if most[demand] < max(market.least[demand], 1):
            most[demand], surplus[demand] = 0, 0


@compiled
def choose_freely(
    market: AuctionArrays,
    none: Allocation,
    most: Ints,
    order: Ints,
    cost: Ints,
    sold: Ints,
    surplus: Ints,
) -> int:
    """Let each demand choose its best units at these costs; write what it saves.

    `order` has the rows by rising cost. Counts what is chosen of each peer in `sold`. Returns how
    many rows were read.
    """
    price, peer, free = market.price, market.peer, market.free
    read = 0
    used = np.zeros(market.provider.max() + 1 if len(market.provider) else 1, np.int64)
    chosen = np.empty(len(market.price), np.int64)
    amount = np.empty(len(market.price), np.int64)
    sold[:] = 0
    for demand in range(len(market.bid)):
        bid, got, count, sum_ = market.bid[demand], 0, 0, 0
        is_capped = market.cap[demand] < NO_CAP
        fits = market.eligible[market.kind[demand]]
        for row in order:
            # Beyond the bid only what the minimum needs: all or nothing.
            read += 1
            wanted = most[demand] if cost[row] < bid else market.least[demand]
            if got >= wanted:
                break
            if price[row] > bid or not (fits[row >> 3] >> (row & 7)) & 1:
                continue
            units = min(wanted - got, free[peer[row]])
            if is_capped:
                provider = market.provider[row]
                units = min(units, room_at(market, none, demand, provider) - used[provider])
                used[provider] += units
            chosen[count], amount[count] = row, units
            count += 1
            got += units
            loss = cost[row] - bid
            if loss > 0 and units > sum_ // loss:
                sum_ = -1
                break
            sum_ -= units * loss
        if most[demand] == 0 or got < market.least[demand] or sum_ < 0:
            sum_, got = 0, 0
        surplus[demand] = sum_
        for place in range(count):
            row = chosen[place]
            if is_capped:
                used[market.provider[row]] = 0
            if got > 0:
                sold[peer[row]] += amount[place]
    return read


class LagrangianBound:
    """The lowest bound found so far, and the dual prices by peer that give it."""

    def __init__(self, market: AuctionArrays, none: Allocation) -> None:
        """Begin with the surplus of each demand if it were alone: all dual prices are zero."""
        # What others got before the round could have been for these as well.
        self._market = market._replace(free=market.stock)
        self._none = none
        self._most = np.zeros(len(market.bid), np.int64)
        self._alone = np.zeros(len(market.bid), np.int64)
        most_alone(self._market, none, self._most, self._alone)
        self.dual_prices = np.zeros(len(market.free), np.int64)
        self.bound = self._last = sum(self.alone)
        self._read = 0

    @property
    def alone(self) -> Sequence[int]:
        """What each demand could save at most if it were alone."""
        return self._alone.tolist()  # type: ignore[no-any-return]

    def try_prices(self, dual_prices: Ints) -> Ints:
        """Compute the bound that these give, keep it if it is lower; return units sold by peer."""
        market = self._market
        dual_prices = np.minimum(dual_prices, MOST_WORTH)
        cost = market.price + dual_prices[market.peer]
        order = np.argsort(cost, kind="stable")
        sold = np.zeros(len(market.free), np.int64)
        surplus = np.zeros(len(market.bid), np.int64)
        self._read = choose_freely(market, self._none, self._most, order, cost, sold, surplus)
        demanded = int(np.minimum(surplus, self._alone).sum())
        # In two halves, so that no sum is too large for 64 bits.
        high, low = dual_prices >> _HALF, dual_prices & (2**_HALF - 1)
        bound = demanded + (int(high @ market.free) << _HALF) + int(low @ market.free)
        if bound < self.bound:
            self.bound = bound
            self.dual_prices = dual_prices.copy()
        self._last = bound
        return sold

    def descend_subgradient(self, start: Ints, surplus: int, steps: int) -> None:
        """Subgradient descent: raise the price of what is oversold, lower the others.

        Begins with the dual prices `start`, aims at the bound `surplus`, and stops after reading
        some `steps` rows.
        """
        at, share, idle, turns = start, 1 << _SHARE, 0, 0
        while share and steps > 0 and turns < _TURNS and self.bound > surplus:
            before = self.bound
            sold = self.try_prices(at)
            steps -= self._read
            turns += 1
            idle = 0 if self.bound < before else idle + 1
            if idle == _PATIENCE:
                share, idle = share // 2, 0
            slope = np.clip(sold - self._market.free, -_STEEPEST, _STEEPEST)
            slope[(at == 0) & (slope < 0)] = 0
            steep = int(slope @ slope)
            if steep == 0:
                return
            # Rounds down; a step of any size is allowed.
            step = min((self._last - surplus) * share // steep, MOST_WORTH >> 8)
            at = np.clip(at + (slope * step >> _SHARE), 0, MOST_WORTH)


def clearing_prices(market: AuctionArrays) -> Ints:
    """Return the dual prices that raise every cheap unit to the market-clearing price.

    That is the price between bids and asks if any demand could take any unit.
    """
    asks, first = np.unique(market.peer, return_index=True)
    asks, first = asks[np.argsort(first, kind="stable")], np.sort(first)
    supply = np.cumsum(market.stock[asks])
    by_bid = np.argsort(-market.bid, kind="stable")
    demand = np.cumsum(market.want[by_bid])
    clearing = 0
    for place, cheaper in enumerate(np.searchsorted(supply, demand, "left").tolist()):
        clearing = int(market.bid[by_bid[place]])
        if cheaper >= len(first) or market.price[first[cheaper]] >= clearing:
            break
        clearing = int(market.price[first[cheaper]])
    dual_prices = np.zeros(len(market.free), np.int64)
    dual_prices[asks] = np.maximum(clearing - market.price[first], 0)
    return dual_prices
