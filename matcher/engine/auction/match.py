"""Match several demands over one book: the largest surplus that is found, and a proven bound of it.

A batch auction and its checks. No unit stays idle that a demand of the round may take. Everything
is in integers, and the result is checked before it is given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from matcher.engine.auction.arrays import LimitedDemand, build_arrays
from matcher.engine.auction.check import is_lawful
from matcher.engine.auction.greedy import in_order, match_greedily
from matcher.engine.auction.preferences import prefer_all
from matcher.engine.auction.solve import solve
from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.candidates import limits_of
from matcher.engine.single.solve import match_one
from matcher.engine.values import Demand, Fill, Match, Round
from wasmarket.kernel.errors import InvalidInput

SMALL = 64
"""So many demands are also matched greedily, to have whichever is better."""


def match_round(demands: Iterable[Demand], book: OrderBook) -> Round:
    """Match all demands. The order of `demands` does not matter; one alone gets its best match.

    Raises InvalidInput for a demand of another kind than the book's.
    """
    ordered = in_order(demands)
    if any(demand.kind != book.kind for demand in ordered):
        raise InvalidInput("a demand is of another kind than the book", field="kind")
    wanted = [LimitedDemand(demand, limits_of(demand, book)) for demand in ordered]
    active = [entry for entry in wanted if entry.limits.want > 0 and entry.limits.fills > 0]
    found = _match_together(active, book)
    if found is None or not is_lawful(found.matches, book):
        found = _match_greedily(active, book)
    elif len(active) <= SMALL:
        found = _better(found, _match_greedily(active, book))
    matches = {match.demand.hash: match for match in found.matches}
    placed = tuple(matches.get(d.hash) or Match(d, (), 0) for d in ordered)
    return Round(prefer_all(placed, book), found.bound)


def _match_greedily(active: Iterable[LimitedDemand], book: OrderBook) -> Round:
    """Match by the greedy baseline."""
    return match_greedily([entry.demand for entry in active], book)


def _match_together(active: Sequence[LimitedDemand], book: OrderBook) -> Round | None:
    """Match as much as can be found; None when there is nothing to gain, or no way to count it."""
    # Those too large for the kernels to count with are served before all others.
    wide = _match_greedily((entry for entry in active if not entry.is_narrow), book)
    narrow = [entry for entry in active if entry.is_narrow]
    if len(narrow) <= 1:
        return None
    arrays = build_arrays(narrow, book, _count_sold(wide.matches))
    if arrays is None:
        return None
    market, slots = arrays
    solution = solve(market, [entry.demand.hash for entry in narrow])
    rows = {row for lines in solution.lines for row, _ in lines}
    asks = {row: book.ask_at(int(slots[row])) for row in rows}
    matches = list(wide.matches)
    for entry, lines, alone in zip(narrow, solution.lines, solution.alone, strict=True):
        fills = tuple(Fill(asks[row], units) for row, units in lines)
        match = Match(entry.demand, fills, alone)
        matches.append(Match(entry.demand, fills, alone, match.surplus == alone))
    _serve_open(matches, len(wide.matches), solution.open, book)
    return Round(tuple(matches), wide.bound + solution.bound)


def _serve_open(matches: list[Match], offset: int, open_: Sequence[int], book: OrderBook) -> None:
    """Look more closely at those that the kernels found no way to serve with what is left."""
    taken = dict(_count_sold(matches)) if open_ else {}
    for place in open_:
        old = matches[offset + place]
        found = match_one(old.demand, book, taken)
        if found.fills:
            matches[offset + place] = replace(
                old, fills=found.fills, is_exact=found.surplus == old.bound
            )
            for peer, units in _count_sold([found]).items():
                taken[peer] = taken.get(peer, 0) + units


def _count_sold(matches: Iterable[Match]) -> dict[int, int]:
    sold: dict[int, int] = {}
    for match in matches:
        for fill in match.fills:
            peer = fill.ask.offer.peer
            sold[peer] = sold.get(peer, 0) + fill.units
    return sold


def _better(one: Round, other: Round) -> Round:
    """Return the better round of two, with the lower of both bounds.

    Two that contradict each other cannot both be right: then it is `other`, the baseline.
    """
    best = max(other, one, key=lambda found: (found.surplus, found.units, -found.total))
    bound = min(one.bound, other.bound)
    return other if best.surplus > bound else Round(best.matches, bound)
