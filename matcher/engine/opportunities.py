"""Show a provider what it did not get: why, and at which price it would have."""

from collections.abc import Iterable
from dataclasses import dataclass

from kernel.reasons import FillReason
from kernel.units import Address
from matcher.engine.book import Book
from matcher.engine.rules import why
from matcher.engine.values import Ask, Demand, Fill


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
    does not help.
    """

    demand: Demand
    reasons: tuple[FillReason, ...]
    price_to_win: int | None
    lost_by: int | None


def find_opportunities(
    provider: Address, contests: Iterable[Contest], book: Book
) -> tuple[Opportunity, ...]:
    """Return the contests in which no ask of the provider wins as it stands."""
    asks = [
        ask
        for ask in book.asks()
        if (peer := book.get_peer(ask.offer.peer)) is not None and peer.provider == provider
    ]
    found = (_compare(contest, asks, book) for contest in contests)
    return tuple(opportunity for opportunity in found if opportunity is not None)


def _compare(contest: Contest, asks: list[Ask], book: Book) -> Opportunity | None:
    demand = contest.demand
    reasons = {ask.hash: why(demand, Fill(ask, 1), book) for ask in asks}
    priced = [a for a in asks if reasons[a.hash] in (0, FillReason.PRICE)]
    against = tuple(sorted({FillReason(r) for r in reasons.values() if r}))
    if not priced:
        return Opportunity(demand, against, None, None)
    best = priced[0].offer.price
    # A price equal to the dearest one taken loses against the earlier offer.
    limit = demand.offer.max_price if contest.dearest is None else contest.dearest - 1
    winning = min(limit, demand.offer.max_price)
    if best <= winning:
        return None
    return Opportunity(demand, against, winning, best - winning)
