"""The engine again in plain Python, without columns: slow, short, and the judge of the fast one.

It looks at every ask, one after the other. Where cheapest first breaks a limit it tries every
choice of peers instead of solving a flow, so books for it are small.
"""

from itertools import combinations

from matcher.engine.rules import count_live, is_eligible
from matcher.engine.values import MAX_FILLS, MAX_LIVE, NO_CAP
from wasmarket.kernel.addresses import ZERO_ADDRESS


class PlainBook:
    """What `Book` promises, with a dict and a sort at every look."""

    def __init__(self, now=0):
        self.now = now
        self._asks, self._peers, self._counters = {}, {}, {}

    def __len__(self):
        return len(self._asks)

    def advance(self, now):
        self.now = now
        return self._drop(lambda ask: ask.offer.valid_until < now)

    def put_peer(self, peer):
        self._peers[peer.id] = peer

    def remove_peer(self, peer):
        self._peers.pop(peer, None)

    def set_counter(self, account, counter):
        self._counters[account] = counter

        def is_stale(ask):
            peer = self.get_peer(ask.offer.peer)
            return peer is not None and peer.provider == account and ask.offer.counter != counter

        return self._drop(is_stale)

    def add(self, ask):
        self._asks[ask.hash] = ask

    def remove(self, offer):
        return self._asks.pop(offer, None) is not None

    def get_ask(self, offer):
        return self._asks.get(offer)

    def get_peer(self, peer):
        return self._peers.get(peer)

    def get_counter(self, account):
        return self._counters.get(account, 0)

    def peers(self):
        return iter(sorted(self._peers.values(), key=lambda peer: peer.id))

    def asks(self):
        return iter(sorted(self._asks.values(), key=lambda ask: ask.order))

    def _drop(self, is_gone):
        gone = [ask.hash for ask in self.asks() if is_gone(ask)]
        for offer in gone:
            del self._asks[offer]
        return gone


def eligible(wanted, book, taken):
    """Every peer's cheapest eligible ask with the units left, cheapest first."""
    found = {}
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if peer is None or peer.id in found or peer.id in wanted.avoid:
            continue
        units = peer.free - taken.get(peer.id, 0)
        if units > 0 and is_eligible(wanted.offer, ask, peer, book):
            found[peer.id] = (ask, peer, units)
    return list(found.values())


def fill_cheapest(wanted, book, lines):
    """Return (ask, units) line by line, cheapest first, under caps and budget."""
    sold = dict(count_live(wanted, book).per_provider)
    want, budget, plan = wanted.want, wanted.budget, []
    for ask, peer, free in lines:
        cap = wanted.offer.max_units_per_provider or NO_CAP
        price = ask.offer.price
        if price > budget:
            break
        units = min(want, free, max(0, cap - sold.get(peer.provider, 0)), budget // price)
        if units:
            plan.append((ask, units))
            want, budget = want - units, budget - units * price
            sold[peer.provider] = sold.get(peer.provider, 0) + units
    return plan


def best_lines(wanted, book, taken=None):
    """Return the best (ask, units) lines of all, by trying every set of peers if need be.

    Only the units of one region too few are ever forced: a set of peers of enough regions gives
    each of them one unit first, and the rest cheapest first.
    """
    lines = eligible(wanted, book, taken or {})
    tally = count_live(wanted, book)
    most = min(MAX_FILLS, MAX_LIVE - tally.live)
    regions = wanted.offer.min_regions if wanted.is_first else 0
    if most <= 0 or not wanted.want:
        return []
    plan = fill_cheapest(wanted, book, lines)
    peers = {ask.hash: peer for ask, peer, _ in lines}
    if len(plan) <= most and len({peers[ask.hash].region for ask, _ in plan}) >= regions:
        return _enough(wanted, plan)
    best = []
    for size in range(1, min(most, len(lines)) + 1):
        for chosen in combinations(lines, size):
            if len({peer.region for _, peer, _ in chosen}) >= regions:
                best = max(best, _fill_all(wanted, book, chosen), key=_worth)
    return _enough(wanted, best)


def _fill_all(wanted, book, chosen):
    """Use every one of these peers, and the cheaper ones for as much as there is."""
    sold = dict(count_live(wanted, book).per_provider)
    cap = wanted.offer.max_units_per_provider or NO_CAP
    units = dict.fromkeys((ask.hash for ask, _, _ in chosen), 0)
    want, budget = wanted.want, wanted.budget
    for first in (True, False):
        for ask, peer, free in chosen:
            price = ask.offer.price
            room = min(free - units[ask.hash], cap - sold.get(peer.provider, 0))
            given = max(0, min(want, room, budget // price, 1 if first else want))
            units[ask.hash] += given
            want, budget = want - given, budget - given * price
            sold[peer.provider] = sold.get(peer.provider, 0) + given
    return [(ask, units[ask.hash]) for ask, _, _ in chosen] if all(units.values()) else []


def _worth(plan):
    return sum(n for _, n in plan), -sum(n * ask.offer.price for ask, n in plan)


def _enough(wanted, plan):
    fits = not wanted.is_first or sum(n for _, n in plan) >= wanted.offer.min_units
    return plan if fits else []


def depth(book, traits=0):
    """Free public units by (region, price): [peers, units]."""
    found, seen = {}, set()
    for ask in book.asks():
        peer = book.get_peer(ask.offer.peer)
        if (
            peer is not None
            and peer.id not in seen
            and ask.offer.developer == ZERO_ADDRESS
            and peer.free > 0
            and peer.traits & traits == traits
        ):
            seen.add(peer.id)
            line = found.setdefault((peer.region, ask.offer.price), [0, 0])
            line[0] += 1
            line[1] += peer.free
    return found
