"""Give units by how their developers like providers, with what the round leaves them.

Weights of a wish multiply prices where providers are compared. They come last: a round is solved
without them, and then each demand with weights chooses again among its own units and those that
nobody got. So they take nothing from others, and no fewer units are given for them. The best choice
is that with the most units, of these with the least weighted cost, of these the earliest; where the
money does not reach for it, what was chosen without weights stands.
"""

from collections.abc import Mapping
from dataclasses import replace

from matcher.engine.auction.check import is_lawful
from matcher.engine.index.filters import build_filter
from matcher.engine.index.layout import LAST
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.scan import scan_all
from matcher.engine.single.branch_and_bound import relax, search
from matcher.engine.single.candidates import MOST, Candidate, Plan, limits_of, read_candidates
from matcher.engine.single.solve import match_one
from matcher.engine.values import Demand, DemandLimits, Fill, Match


def match_alone(demand: Demand, book: OrderBook) -> Match:
    """Return what `match_one` does, chosen by the demand's weights."""
    return prefer(match_one(demand, book), book, {})


def prefer_all(matches: tuple[Match, ...], book: OrderBook) -> tuple[Match, ...]:
    """Let the demands of a round that have weights choose again, one after the other."""
    if not any(match.fills and match.demand.wish.provider_weights for match in matches):
        return matches
    sold: dict[int, int] = {}
    for match in matches:
        _count(sold, match, 1)
    chosen = []
    for match in matches:
        _count(sold, match, -1)
        better = prefer(match, book, {peer: units for peer, units in sold.items() if units})
        _count(sold, better, 1)
        chosen.append(better)
    return tuple(chosen)


def prefer(match: Match, book: OrderBook, taken: Mapping[int, int]) -> Match:
    """Return a match as its demand's weights would have it; `taken` are units of others by peer."""
    demand = match.demand
    if not (match.fills and demand.wish.provider_weights):
        return match
    limits = limits_of(demand, book)
    wanted = build_filter(demand, book.storage, limits, taken, book.excluded)
    found = read_candidates(book, scan_all(book.columns, wanted, MOST))
    prices = {entry.slot: entry.price for entry in found}
    ranked = sorted(
        (replace(entry, price=demand.rank_price(entry.provider, entry.price)) for entry in found),
        key=lambda entry: (entry.price, entry.rank),
    )
    plan = _choose(ranked, replace(limits, budget=LAST))
    cost = sum(prices[entry.slot] * units for entry, units in plan)
    worth = sum(entry.price * units for entry, units in plan)
    units = sum(units for _, units in plan)
    if cost > limits.budget or units < match.units:
        return match
    if units == match.units and worth >= _ranked_cost(match, book):
        return match
    lines = sorted(plan, key=lambda line: (prices[line[0].slot], line[0].rank))
    fills = tuple(Fill(book.ask_at(entry.slot), units) for entry, units in lines)
    better = replace(match, fills=fills)
    if not is_lawful([better], book):
        return match
    return replace(better, is_exact=better.surplus == match.bound)


def _choose(entries: list[Candidate], limits: DemandLimits) -> Plan:
    """Return the best plan of candidates whose prices are weighted ones."""
    plan = relax(entries, limits)
    return plan if len(plan) <= limits.fills else search(entries, limits).plan


def _ranked_cost(match: Match, book: OrderBook) -> int:
    total = 0
    for fill in match.fills:
        peer = book.get_peer(fill.ask.offer.peer)
        if peer is not None:
            total += fill.units * match.demand.rank_price(peer.provider, fill.ask.offer.price)
    return total


def _count(sold: dict[int, int], match: Match, sign: int) -> None:
    for fill in match.fills:
        peer = fill.ask.offer.peer
        sold[peer] = sold.get(peer, 0) + sign * fill.units
