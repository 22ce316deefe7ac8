"""Many deals at once: welfare and time beside an exact solver, and beside the rules of others."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.matcher.auction.exact import solve_flow, solve_limits
from bench.matcher.markets import Shape, build_book, draw_demands
from bench.matcher.rows import Row
from matcher.engine.auction.arrays import AuctionArrays, LimitedDemand, build_arrays
from matcher.engine.auction.greedy import in_order
from matcher.engine.auction.match import match_round
from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.candidates import limits_of
from matcher.engine.values import Demand, Round

OFFERS, DEALS = 10_000, 5_000
WHOLE = 300
RUNS = 5
FIRST_BIDS = 20
AMPLE = 10**15
SKEWED = 2
"""Of a thousand peers so many are large and cheap."""


def measure() -> Iterator[Row]:
    """Match large rounds and all-or-nothing ones; each is solved once before it is timed."""
    for name, large in (("", 0), (", skewed", SKEWED)):
        shape = Shape(OFFERS, large=large)
        book = build_book(shape)
        demands = [loosen(demand) for demand in draw_demands(shape, DEALS)]
        yield from _measure_large(f"round of {DEALS:,} × {OFFERS:,}{name}", demands, book)
    shape = Shape(WHOLE)
    demands = [_make_whole(demand) for demand in draw_demands(shape, WHOLE)]
    yield from _measure_whole(f"all or nothing, {WHOLE} × {WHOLE}", demands, build_book(shape))


def _measure_large(name: str, demands: list[Demand], book: OrderBook) -> Iterator[Row]:
    result, seconds = _time(demands, book)
    market, arrivals = build_rows(demands, book)
    start = time.process_time()
    best = solve_flow(market)
    exact_seconds = round(time.process_time() - start, 1)
    flow = "OR-tools min-cost flow"
    # Rounded down: what is not all is not called 100.
    share = 10**6 * result.surplus // best / 10**4
    yield Row(f"{name}: of the exact optimum", share, "%", "higher", 99.9, (flow, 100.0))
    yield Row(
        f"{name}: time", seconds, "s", bar=round(exact_seconds / 10, 2), peer=(flow, exact_seconds)
    )
    yield Row(f"{name}: gap that is published", result.gap_ppm, "ppm")
    wanted = int(market.want.sum())
    units = sum(match.units for match in result.matches)
    paid = sum(match.total for match in result.matches)
    rules = {
        "first fit (incumbent)": (arrivals, 0),
        f"first {FIRST_BIDS} bids, then cheapest (Akash)": (arrivals, FIRST_BIDS),
        "cheapest first": (np.arange(len(market.price)), 0),
    }
    for rule, (order, bids) in rules.items():
        other = _match_by_rule(market, demands, order, bids)
        saved = round(100 * other.surplus / best, 1)
        welfare = f"{name}: welfare, of the optimum, beside {rule}"
        yield Row(welfare, share, "%", "higher", peer=(rule, saved))
        yield Row(
            f"{name}: price paid per unit, beside {rule}",
            round(paid / units),
            "base units",
            peer=(rule, round(other.paid / other.units)),
        )
        yield Row(
            f"{name}: share filled, beside {rule}",
            round(100 * units / wanted, 1),
            "%",
            "higher",
            peer=(rule, round(100 * other.units / wanted, 1)),
        )


def _measure_whole(name: str, demands: list[Demand], book: OrderBook) -> Iterator[Row]:
    result, seconds = _time(demands, book)
    market, _ = build_rows(demands, book)
    start = time.process_time()
    surplus, bound = solve_limits(market)
    exact_seconds = round(time.process_time() - start, 1)
    proven = min(bound, result.bound)
    share = round(100 * result.surplus / proven, 2)
    theirs = round(100 * surplus / proven, 2)
    yield Row(f"{name}: of the proven bound", share, "%", "higher", 98, ("CP-SAT", theirs))
    yield Row(f"{name}: time", seconds, "s", bar=0.2, peer=("CP-SAT", exact_seconds))
    yield Row(f"{name}: gap that is published", result.gap_ppm, "ppm")


def loosen(demand: Demand) -> Demand:
    """Return the demand without the limits that an exact flow cannot count."""
    offer = replace(demand.offer, min_units=1, min_regions=0, max_units_per_provider=0)
    return replace(demand, offer=offer, balance=AMPLE)


def _make_whole(demand: Demand) -> Demand:
    offer = replace(loosen(demand).offer, min_units=demand.offer.units)
    return replace(demand, offer=offer, balance=AMPLE)


def _time(demands: list[Demand], book: OrderBook) -> tuple[Round, float]:
    result = match_round(demands, book)
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        match_round(demands, book)
        times.append(time.process_time() - start)
    return result, round(min(times), 3)


def build_rows(
    demands: list[Demand], book: OrderBook
) -> tuple[AuctionArrays, npt.NDArray[np.int64]]:
    """Return the round as arrays, and its rows in order of arrival."""
    wanted = [LimitedDemand(demand, limits_of(demand, book)) for demand in in_order(demands)]
    arrays = build_arrays(wanted, book, {})
    assert arrays is not None
    market, slots = arrays
    sequence = [book.ask_at(slot).sequence for slot in slots.tolist()]
    return market, np.argsort(np.array(sequence), kind="stable")


@dataclass(slots=True)
class _Outcome:
    """What a rule brought."""

    surplus: int = 0
    paid: int = 0
    units: int = 0


def _match_by_rule(
    market: AuctionArrays, demands: list[Demand], order: npt.NDArray[np.int64], bids: int
) -> _Outcome:
    """Serve demands as they came, from rows in this order, or the cheapest of the first `bids`."""
    left = market.free.copy()
    outcome = _Outcome()
    arrival = np.argsort(np.array([demand.sequence for demand in in_order(demands)]))
    fits = np.unpackbits(market.eligible, axis=1, bitorder="little")
    for place in arrival.tolist():
        bid, missing = int(market.bid[place]), int(market.want[place])
        open_ = fits[market.kind[place]][order] & (market.price[order] <= bid)
        rows = order[(open_ > 0) & (left[market.peer[order]] > 0)]
        if bids:
            rows = np.sort(rows[:bids])
        for row in rows.tolist():
            units = min(missing, int(left[market.peer[row]]))
            left[market.peer[row]] -= units
            missing -= units
            outcome.units += units
            outcome.paid += units * int(market.price[row])
            outcome.surplus += units * (bid - int(market.price[row]))
            if not missing:
                break
    return outcome
