"""Show a provider what it did not get: why, and at which price it would have."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from matcher.engine.facts import WISHED
from matcher.engine.index.filters import build_filter
from matcher.engine.index.layout import LAST, NONE, P_PROVIDER
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.supply import judge_asks
from matcher.engine.index.wishes import judge_slots
from matcher.engine.rules import count_live
from matcher.engine.single.candidates import limits_of
from matcher.engine.values import MAX_LIVE, Demand
from wasmarket.kernel.reasons import FillReason
from wasmarket.kernel.units import Address


@dataclass(frozen=True, slots=True)
class Contest:
    """A demand and what became of it: the dearest price taken (None: units still missing)."""

    demand: Demand
    dearest: int | None


@dataclass(frozen=True, slots=True)
class Opportunity:
    """What stood between a provider and a demand.

    `reasons`: why none of its asks fits. `price_to_win`: the highest ask per unit and epoch that
    would get units, `lost_by` how much lower that is than its best ask; None when price alone
    does not help. `wishes`: limits of the demand's wish that its peers fail, if all of them do.
    """

    demand: Demand
    reasons: tuple[FillReason, ...]
    price_to_win: int | None
    lost_by: int | None
    wishes: tuple[str, ...] = ()


def find_opportunities(
    provider: Address, lost_opportunities: Iterable[Contest], book: OrderBook
) -> tuple[Opportunity, ...]:
    """Return the contests in which no ask of the provider wins as it stands."""
    found = (_compare(contest, provider, book) for contest in lost_opportunities)
    return tuple(opportunity for opportunity in found if opportunity is not None)


def _compare(contest: Contest, provider: Address, book: OrderBook) -> Opportunity | None:
    demand = contest.demand
    # A price equal to the dearest one taken loses against the earlier offer.
    limit = demand.offer.max_price if contest.dearest is None else contest.dearest - 1
    winning = min(limit, demand.offer.max_price)
    unfit = _failed_wishes(demand, provider, book)
    # Nobody can ask less than one, and no price helps whom the wish excludes.
    can_win = winning > 0 and not unfit
    bits, best = _judge(demand, provider, book, winning if can_win else NONE)
    against = tuple(reason for reason in FillReason if bits >> reason & 1)
    if best == NONE or not can_win:
        return Opportunity(demand, against, None, None, unfit)
    if best <= winning:
        return None
    return Opportunity(demand, against, winning, best - winning)


def _failed_wishes(demand: Demand, provider: Address, book: OrderBook) -> tuple[str, ...]:
    """Return what a demand's wish has against a provider's peers; nothing if it lets one in."""
    account = book.account_slot(provider)
    if not demand.wish.limits_peers or account == NONE:
        return ()
    fails = judge_slots(book.storage, demand.wish)
    own = fails[book.columns.peers[: len(fails), P_PROVIDER] == account]
    if not len(own) or not own.all():
        return ()
    bits = int(np.bitwise_or.reduce(own))
    return tuple(name for place, name in enumerate(WISHED) if bits >> place & 1)


def _judge(demand: Demand, provider: Address, book: OrderBook, enough: int) -> tuple[int, int]:
    """Return the reasons against the provider's asks as bits, and its best price or NONE; not all
    of the reasons once that is no more than `enough`."""
    account = book.account_slot(provider)
    if account == NONE:
        return 0, NONE
    limits, tally = limits_of(demand, book), count_live(demand, book)
    terms = (
        demand.offer.max_price,
        tally.live >= MAX_LIVE,
        max(0, demand.offer.units - tally.units),
        max(0, demand.balance - tally.cost),
    )
    bits, best = judge_asks(
        book.columns,
        build_filter(demand, book.storage, limits),
        book.asks_of(account),
        book.now,
        np.array([min(term, LAST) for term in terms], np.int64),
        min(enough, LAST),
    )
    return int(bits), int(best)
