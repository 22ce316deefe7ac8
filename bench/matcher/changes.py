"""What a book of a million offers costs: to load, to keep, and to change."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path

from bench.matcher.markets import Shape, build_book, draw_asks
from bench.matcher.rows import Row
from bench.matcher.timing import percentile, time_each
from matcher.engine.index.order_book import OrderBook

OFFERS = 1_000_000
CHANGES = 20_000
PAGE = 4_096
MIB = 2**20


def measure() -> Iterator[Row]:
    """Load a book, then remove offers and add them again, and change their peers."""
    build_book(Shape(1_000)).advance(0)
    before = _resident()
    start = time.perf_counter()
    book = build_book(Shape(OFFERS))
    yield Row(f"load {OFFERS:,} offers", round(time.perf_counter() - start, 1), "s")
    yield Row(f"memory for {OFFERS:,} offers", _resident() - before, "MiB", bar=600)
    yield from _change(book)


def _change(book: OrderBook) -> Iterator[Row]:
    asks = [ask for ask in draw_asks(Shape(OFFERS)) if ask.sequence % (OFFERS // CHANGES) == 0]
    kinds = {
        "remove": lambda ask: book.remove(ask.hash),
        "add": book.add,
        "units of a peer": lambda ask: book.take(ask.offer.peer, 1),
    }
    for name, change in kinds.items():
        times = time_each(change, asks)
        yield Row(
            f"one change to a {OFFERS:,}-offer book: {name}, median",
            round(percentile(times, 50) / 1_000, 1),
            "µs",
            bar=50,
        )


def _resident() -> int:
    """Return how much memory the process has now, in MiB (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE // MIB
