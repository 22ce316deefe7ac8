"""Single deals after one another, each of which changes the book."""

import time
from collections.abc import Iterator

from bench.matcher.markets import Shape, build_book, draw_demands
from bench.matcher.rows import Row
from matcher.engine.single.solve import match_one

OFFERS = 100_000
DEALS = 10_000
RUNS = 2


def measure() -> Iterator[Row]:
    """Match, and count the units as used; the best of several runs on fresh books."""
    for name, large in (("", 0), (", skewed", 2)):
        shape = Shape(OFFERS, large=large)
        demands = list(draw_demands(shape, DEALS))
        best = 0.0
        for _ in range(RUNS):
            book = build_book(shape)
            start = time.process_time()
            for demand in demands:
                for fill in match_one(demand, book).fills:
                    book.take(fill.ask.offer.peer, fill.units)
            best = max(best, DEALS / (time.process_time() - start))
        yield Row(
            f"single-deal matches on {OFFERS:,} offers{name}, book updated by each",
            round(best),
            "1/s",
            better="higher",
            bar=10_000,
            peer=("Gödel scheduler, placements (cited)", 5_000),
        )
