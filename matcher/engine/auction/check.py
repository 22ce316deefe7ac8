"""Refuse a proposed round that breaks any limit of either side, whoever proposed it."""

from collections.abc import Iterable

from matcher.engine.facts import judge_peer
from matcher.engine.index.order_book import OrderBook
from matcher.engine.rules import is_accepted
from matcher.engine.single.candidates import limits_of
from matcher.engine.values import Match
from wasmarket.kernel.selection.wishes import Wish


def _are_fit(wish: Wish, peers: Iterable[int], book: OrderBook) -> bool:
    """Whether a wish excludes none of some peers."""
    facts = book.storage.facts
    return not (wish.limits_peers and any(judge_peer(wish, facts.get(peer)) for peer in peers))


def is_lawful(matches: Iterable[Match], book: OrderBook) -> bool:
    """Whether Market would accept all these matches, and nobody sells more than it has."""
    sold: dict[int, int] = {}
    for match in matches:
        if not match.fills:
            continue
        demand, limits = match.demand, limits_of(match.demand, book)
        peers = {fill.ask.offer.peer for fill in match.fills}
        if (
            len(match.fills) > limits.fills
            or len(peers) < len(match.fills)
            or not peers.isdisjoint(demand.passed_over)
            or not _are_fit(demand.wish, peers, book)
            or match.units > limits.want
            or match.total > limits.budget
            or not is_accepted(demand, match.fills, book)
        ):
            return False
        for fill in match.fills:
            sold[fill.ask.offer.peer] = sold.get(fill.ask.offer.peer, 0) + fill.units
    return all(
        (peer := book.get_peer(number)) is not None and units <= peer.free
        for number, units in sold.items()
    )
