"""Compile every kernel of the engine before somebody waits for one, by a market of a few offers.

`python -m matcher.engine.warm_up` does so for all processes that share the folder of machine code;
with some of `single`, `flow` and `paths` only for these parts, so that processes share the work.
"""

import sys
from collections.abc import Sequence

import numpy as np

from matcher.engine.answers.explain import explain
from matcher.engine.answers.opportunities import Contest, find_opportunities
from matcher.engine.answers.quotes import depth, quote
from matcher.engine.auction.allocation import place_all, take
from matcher.engine.auction.arrays import (
    AuctionArrays,
    LimitedDemand,
    build_arrays,
    empty_allocation,
)
from matcher.engine.auction.augmenting_paths import improve
from matcher.engine.auction.completion import complete, find_servable
from matcher.engine.auction.dual_bound import LagrangianBound
from matcher.engine.auction.dual_prices import find_dual_prices, take_flow
from matcher.engine.auction.flow.flow_state import empty_flow
from matcher.engine.auction.match import match_round
from matcher.engine.auction.ruin_and_recreate import ruin_and_recreate
from matcher.engine.index.decimals import ZERO, read_decimals
from matcher.engine.index.order_book import OrderBook
from matcher.engine.index.scan import list_asks_of
from matcher.engine.single.candidates import limits_of
from matcher.engine.single.solve import match_one
from matcher.engine.values import Ask, Demand, Peer
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_address, to_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.offers import DeveloperOffer, PriceKind, ProviderOffer

PARTS = ("single", "flow", "paths")
PEERS = 6
NOW, LATER = 1_000, 2_000
APP = to_hash(sha256(b"warm up"))


def warm_up(parts: Sequence[str] = PARTS) -> None:
    """Do once, with a small market, all that a matcher does; a second call takes no time.

    `parts`, of PARTS, are as much work for the compiler as one another, and together all of it.
    """
    if "single" in parts:
        _match_single()
    if "flow" in parts:
        find_dual_prices(_build_market())
    if "paths" in parts:
        _search_paths(_build_market())
    if set(PARTS) <= set(parts):
        book = _build_book()
        match_round(_demands(), book)
        # All or nothing, and some units must stay over: the bound is not reached, all is tried.
        match_round([_demand(number, min_units=4, units=4) for number in range(5, 9)], book)


def _match_single() -> None:
    """Change a book, match single demands, and give the answers of the API."""
    book = _build_book()
    plain, spread, few, greedy = _demands()
    for demand in (plain, spread, few):
        match_one(demand, book)
    quote(plain, book)
    quote(spread, book)
    depth(book)
    explain(greedy, book)
    provider = _peer(2).provider
    find_opportunities(provider, [Contest(plain, None)], book)
    list_asks_of(book.columns, book.account_slot(provider))


def _search_paths(market: AuctionArrays) -> None:
    """Do what an auction does, but for the flow."""
    everybody = np.arange(len(market.bid))
    find_servable(market, market.stock, everybody)
    take(market, empty_allocation(market), 0, 0, 1)
    fills, worth = empty_allocation(market), np.zeros(len(market.free), np.int64)
    LagrangianBound(market, empty_allocation(market)).try_prices(worth)
    take_flow(market, fills, empty_flow(market, 0))
    order = np.argsort(market.price, kind="stable")
    place_all(market, fills, order, market.price, everybody)
    ruin_and_recreate(market, fills, order, market.price, 1, 1, 1)
    improve(market, fills, worth, 1)
    complete(market, fills)


def _build_market() -> AuctionArrays:
    peers = [_peer(number) for number in range(1, PEERS + 1)]
    book = OrderBook.load(NOW, peers, {}, [_ask(number, number) for number in (1, 2)])
    wanted = [LimitedDemand(demand, limits_of(demand, book)) for demand in _demands()]
    arrays = build_arrays(wanted, book, {})
    assert arrays is not None, "so few demands fit"
    return arrays[0]


def _demands() -> tuple[Demand, Demand, Demand, Demand]:
    """Return one that units alone bind, and one each that regions, money and minimums bind."""
    return (
        _demand(1),
        _demand(2, min_regions=2, max_units_per_provider=2),
        _demand(3, units=5, deposit=10**4),
        _demand(4, min_units=40, units=60),
    )


def _build_book() -> OrderBook:
    book = OrderBook(NOW)
    for number in range(1, PEERS + 1):
        book.put_peer(_peer(number))
        book.add(_ask(number, number))
    book.remove(_ask(1, 1).hash)
    peers = [_peer(number) for number in range(1, PEERS + 1)]
    loaded = OrderBook.load(NOW, peers, {}, [_ask(number, number) for number in (1, 2)])
    loaded.set_counter(_peer(1).provider, 1)
    read_decimals(np.full(1, ZERO, np.uint8), 1, 1)
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
