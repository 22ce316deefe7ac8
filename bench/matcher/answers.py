"""What people ask of the book: quotes, explanations, depth and lost opportunities."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from bench.matcher.markets import Shape, build_book, draw_demands
from bench.matcher.rows import Row
from bench.matcher.timing import percentile, time_each
from matcher.engine.answers.explain import explain
from matcher.engine.answers.opportunities import Contest, find_opportunities
from matcher.engine.answers.quotes import depth, quote
from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.solve import match_one
from matcher.engine.values import Demand

OFFERS = 100_000
DEMANDS = 2_000
UNFILLED = 40
DEPTHS = 10
CONTESTS = 200
PROVIDERS = range(10, 30)
MS = 1_000_000


def measure() -> Iterator[Row]:
    """Ask one question after the other."""
    shape = Shape(OFFERS)
    book = build_book(shape)
    demands = list(draw_demands(shape, DEMANDS))
    short = [demand for demand in demands if match_one(demand, book).units < demand.want]
    lost_opportunities = [Contest(demand, None) for demand in demands[:CONTESTS]]
    yield from _rows("quote", partial(quote, book=book), demands, 1)
    yield from _rows(
        "explanation of an offer that does not fill", partial(explain, book=book), short[:UNFILLED]
    )
    yield from _rows("depth of all regions", lambda _: depth(book), range(DEPTHS))
    yield from _rows(
        f"a provider's lost opportunities among {CONTESTS}",
        lambda slot: _lose(slot, lost_opportunities, book),
        PROVIDERS,
    )


def _lose(slot: int, lost_opportunities: Sequence[Contest], book: OrderBook) -> None:
    find_opportunities(book.account_at(slot), lost_opportunities, book)


def _rows(
    name: str,
    answer: Callable[[Any], object],
    questions: Sequence[Demand] | range,
    bar: float | None = None,
) -> Iterator[Row]:
    answer(questions[0])
    times = time_each(answer, questions)
    for percent in (50, 99):
        value = round(percentile(times, percent) / MS, 3)
        limit = bar if percent == 50 else None
        yield Row(f"{name} on {OFFERS:,} offers, p{percent}", value, "ms", bar=limit)
