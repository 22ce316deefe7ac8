"""Rounds in which something else than even prices and ample money binds, on three seeds each."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.matcher.auction.exact import solve_flow, solve_limits
from bench.matcher.auction.rounds import DEALS, OFFERS, build_rows, loosen
from bench.matcher.markets import NOW, Shape, draw_asks, draw_demands, draw_peers
from bench.matcher.rows import Row
from matcher.engine.auction.arrays import AuctionArrays
from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import FUNDED_EPOCHS, MAX_FILLS, Demand

SEEDS = (1, 2, 3)
BAR = 99.5
TENTH = 10
SECONDS = 60.0
TRAITS = 16
REGIONS = 256
DEVELOPERS = 50

KINDS = (
    "tight budgets",
    "very tight budgets",
    "one-unit peers",
    "256 regions",
    "heavy traits",
    "private asks",
    "2 to 6 regions each",
)


def measure() -> Iterator[Row]:
    """Match each market on each seed beside OR-tools' flow, or CP-SAT on a tenth of the size."""
    limit = _time_plain_flow() / 2
    for kind in KINDS:
        shares: list[float] = []
        times: list[float] = []
        for seed in SEEDS:
            demands, book = build_market(kind, Shape(OFFERS, seed=seed), DEALS)
            if not times:
                match_round(demands, book)
            start = time.process_time()
            result = match_round(demands, book)
            times.append(time.process_time() - start)
            if kind != KINDS[-1]:
                market, _ = build_rows(demands, book)
                shares.append(100 * result.surplus / solve_flow(_within_lines(market)))
        name = f"round of {DEALS:,} × {OFFERS:,}, {kind}"
        if shares:
            least = int(min(shares) * 10**4) / 10**4
            peer = ("OR-tools min-cost flow", 100.0)
            yield Row(f"{name}: of the exact optimum, worst seed", least, "%", "higher", BAR, peer)
        yield Row(f"{name}: time, worst seed", round(max(times), 2), "s", bar=round(limit, 2))
    yield from _measure_tenth(KINDS[-1])


def _measure_tenth(kind: str) -> Iterator[Row]:
    """Compare with the best known on a tenth of the size: CP-SAT's and our own."""
    demands, book = build_market(kind, Shape(OFFERS // TENTH), DEALS // TENTH)
    surplus = match_round(demands, book).surplus
    market, _ = build_rows(demands, book)
    theirs, bound = solve_limits(market, SECONDS)
    best = max(surplus, theirs)
    name = f"round of {DEALS // TENTH:,} × {OFFERS // TENTH:,}, {kind}"
    share = int(10**6 * surplus / best) / 10**4
    peer = ("CP-SAT, 60 s", int(10**6 * theirs / best) / 10**4)
    yield Row(f"{name}: of the best known", share, "%", "higher", BAR, peer)
    yield Row(f"{name}: of CP-SAT's bound", int(10**6 * surplus / bound) / 10**4, "%", "higher")


def build_market(kind: str, shape: Shape, deals: int) -> tuple[list[Demand], OrderBook]:
    """Return the demands and the order book of a kind of market."""
    draw = np.random.Generator(np.random.PCG64([shape.seed, 5]))
    peers, asks = list(draw_peers(shape)), list(draw_asks(shape))
    demands = [loosen(demand) for demand in draw_demands(shape, deals)]
    if kind == "tight budgets":
        demands = [_fund(demand, draw.uniform(0.3, 1.2)) for demand in demands]
    elif kind == "very tight budgets":
        demands = [_fund(demand, draw.uniform(0.05, 0.5)) for demand in demands]
    elif kind == "one-unit peers":
        peers = [replace(peer, units=1, used=0) for peer in peers]
    elif kind == "256 regions":
        peers = [replace(peer, region=int(draw.integers(REGIONS))) for peer in peers]
        demands = [_change(d, regions=_some_of(draw, REGIONS, 12)) for d in demands]
    elif kind == "heavy traits":
        peers = [replace(peer, traits=int(draw.integers(2**TRAITS))) for peer in peers]
        demands = [_change(d, traits=_some_of(draw, TRAITS, 4)) for d in demands]
    elif kind == "private asks":
        developers = [demand.offer.developer for demand in demands[:DEVELOPERS]]
        for place in np.flatnonzero(draw.random(len(asks)) < 0.4).tolist():
            developer = developers[int(draw.integers(len(developers)))]
            offer = replace(asks[place].offer, developer=developer)
            asks[place] = replace(asks[place], offer=offer)
    else:
        demands = [
            _change(d, min_regions=min(d.offer.units, int(draw.integers(2, 7)))) for d in demands
        ]
    return demands, OrderBook.load(NOW, peers, {}, asks)


def _fund(demand: Demand, share: float) -> Demand:
    """Give the demand money for so much of ten epochs at its bid."""
    offer = demand.offer
    deposit = int(offer.units * offer.max_price * FUNDED_EPOCHS * share)
    return replace(demand, offer=replace(offer, deposit=deposit), balance=deposit)


def _change(demand: Demand, **members: int) -> Demand:
    return replace(demand, offer=replace(demand.offer, **members))  # type: ignore[arg-type]


def _some_of(draw: np.random.Generator, bits: int, most: int) -> int:
    """Draw a mask of one to `most` bits."""
    return sum({1 << int(bit) for bit in draw.integers(0, bits, draw.integers(1, most + 1))})


def _within_lines(market: AuctionArrays) -> AuctionArrays:
    """Want no more of one-unit peers than a match has lines, so that the flow is exact."""
    if market.free.max(initial=0) > 1:
        return market
    return market._replace(want=np.minimum(market.want, MAX_FILLS))


def _time_plain_flow() -> float:
    """Return how long OR-tools takes for the plain round, in the same run."""
    shape = Shape(OFFERS)
    demands = [loosen(demand) for demand in draw_demands(shape, DEALS)]
    book = OrderBook.load(NOW, draw_peers(shape), {}, draw_asks(shape))
    market, _ = build_rows(demands, book)
    start = time.process_time()
    solve_flow(market)
    return time.process_time() - start
