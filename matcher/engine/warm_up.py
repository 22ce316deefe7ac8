"""Compile every kernel of the engine before somebody waits for one, by a market of a few offers.

`python -m matcher.engine.warm_up` does so for all processes that share the folder of machine code;
with `single` or `auction` only for that half, so that two processes share the work.
"""

import sys
from collections.abc import Sequence

from matcher.engine.answers.explain import explain
from matcher.engine.answers.quotes import depth, quote
from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.solve import match_one
from matcher.engine.values import Ask, Demand, Peer
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.offers import DeveloperOffer, PriceKind, ProviderOffer

PARTS = ("single", "auction")
PEERS = 6
NOW, LATER = 1_000, 2_000
APP = to_hash(sha256(b"warm up"))


def warm_up(parts: Sequence[str] = PARTS) -> None:
    """Do once, with a small market, all that a matcher does; a second call takes no time."""
    book = _build_book()
    plain, spread, few, greedy = (
        _demand(1),
        _demand(2, min_regions=2, max_units_per_provider=2),
        _demand(3, units=5, deposit=10**4),
        _demand(4, min_units=40, units=60),
    )
    if "single" in parts:
        for demand in (plain, spread, few):
            match_one(demand, book)
        quote(plain, book)
        quote(spread, book)
        depth(book)
        explain(greedy, book)
    if "auction" in parts:
        match_round((plain, spread, few, greedy), book)
        # All or nothing, and some units must stay over: the bound is not reached, so all is tried.
        match_round([_demand(number, min_units=4, units=4) for number in range(5, 9)], book)


def _build_book() -> OrderBook:
    book = OrderBook(NOW)
    for number in range(1, PEERS + 1):
        book.put_peer(_peer(number))
        book.add(_ask(number, number))
    book.remove(_ask(1, 1).hash)
    peers = [_peer(number) for number in range(1, PEERS + 1)]
    loaded = OrderBook.load(NOW, peers, {}, [_ask(number, number) for number in (1, 2)])
    loaded.set_counter(_peer(1).provider, 1)
    loaded.advance(LATER + 1)
    return book


def _peer(number: int) -> Peer:
    provider = to_address(bytes([number % 3 + 1]) * 20)
    return Peer(number, provider, units=3, used=0, memory_mib=64, region=number % 3, traits=number)


def _ask(number: int, price: int) -> Ask:
    offer = ProviderOffer(number, PriceKind.RESERVED, price, ZERO_ADDRESS, LATER, 0, 0)
    return Ask(to_hash(sha256(b"ask %d" % number)), offer, number)


def _demand(
    number: int,
    *,
    min_units: int = 1,
    units: int = 4,
    min_regions: int = 0,
    max_units_per_provider: int = 0,
    deposit: int = 10**6,
) -> Demand:
    offer = DeveloperOffer(
        developer=to_address(bytes([9]) * 20),
        app=APP,
        min_units=min_units,
        units=units,
        max_units_per_provider=max_units_per_provider,
        min_regions=min_regions,
        meter=ZERO_ADDRESS,
        max_price=10,
        epochs=0,
        deposit=deposit,
        min_memory_mib=0,
        regions=0,
        traits=0,
        providers=(),
        providers_mode=0,
        matcher=ZERO_ADDRESS,
        tip=0,
        valid_until=LATER,
        counter=0,
        salt=number,
    )
    digest = to_hash(sha256(b"demand %d" % number))
    return Demand(hash=digest, offer=offer, sequence=number, balance=deposit)


if __name__ == "__main__":
    warm_up(sys.argv[1:] or PARTS)
