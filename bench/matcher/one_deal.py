"""One deal on a book of a million live offers."""

from collections.abc import Iterator
from functools import partial

from bench.matcher.markets import Shape, build_book, draw_demands
from bench.matcher.rows import Row
from bench.matcher.timing import percentile, time_each
from matcher.engine.single.solve import match_one

OFFERS = 1_000_000
DEALS = 3_000


def measure() -> Iterator[Row]:
    """Match demand after demand on books that stay as they are."""
    for name, large in (("", 0), (", skewed", 2)):
        shape = Shape(OFFERS, large=large)
        book = build_book(shape)
        demands = list(draw_demands(shape, DEALS))
        for demand in demands[:50]:
            match_one(demand, book)
        times = time_each(partial(match_one, book=book), demands)
        bars = (100.0, 2_000.0)
        for percent, bar in zip((50, 99), bars, strict=True):
            yield Row(
                f"one deal on {OFFERS:,} live offers{name}, p{percent}",
                round(percentile(times, percent) / 1_000, 1),
                "µs",
                bar=bar,
            )
