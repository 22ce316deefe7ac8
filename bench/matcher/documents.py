"""What proving a round costs: to write its book, to keep it beside the one before, to read it."""

import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sqlalchemy import func, select

from bench.matcher.markets import NOW, Shape, build_book, draw_asks, draw_demands
from bench.matcher.rows import Row
from matcher.engine.index.order_book import OrderBook
from matcher.orderbook.document import BookHead, digest_of, load_book, write_book
from wasmarket.kernel.addresses import ZERO_ADDRESS, to_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash
from wasmarket.store.database import Database, open_database, sqlite_url
from wasmarket.store.matching.book_documents import fetch_book, put_book
from wasmarket.store.migrate import upgrade
from wasmarket.store.tables import BookDocumentRow, BookPartRow

OFFERS = (100_000, 1_000_000)
CHANGES = 100
DEMANDS = 100
MB = 1_000_000


class Signatures(dict[Hash, str | None]):
    """As many random digits as signatures have, made when asked for."""

    def get(self, key: Hash, default: object = None) -> str:
        """Return that of an offer."""
        first = sha256(key.encode())
        return "0x" + (first + sha256(first)).hex()


def measure() -> Iterator[Row]:
    """Keep the books of two rounds, between which some offers changed."""
    for offers in OFFERS:
        yield from _measure(offers)


def _measure(offers: int) -> Iterator[Row]:
    book = build_book(Shape(offers))
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "store.sqlite"))
        upgrade(database)
        title = f"book of a round on {offers:,} offers"
        parts, seconds = _write(book, Shape(offers), 1)
        yield Row(f"{title}: size", round(sum(map(len, parts)) / MB, 1), "MB")
        yield Row(f"{title}: write", round(seconds, 2), "s of processor")
        seconds = _keep(database, parts)
        stored = _size(database)
        yield Row(f"{title}: keep the first", round(seconds, 2), "s of processor")
        yield Row(f"{title}: kept of the first", round(stored / MB, 1), "MB")
        _change(book, Shape(offers))
        parts, _ = _write(book, Shape(offers), 2)
        seconds = _keep(database, parts)
        content = b"".join(parts)
        yield Row(
            f"{title}: keep the next, {CHANGES} offers later", round(seconds, 2), "s of processor"
        )
        yield Row(
            f"{title}: kept of the next, {CHANGES} offers later",
            round((_size(database) - stored) / MB, 1),
            "MB",
        )
        began = time.process_time()
        with database.read() as session:
            found = fetch_book(session, digest_of(content))
        yield Row(f"{title}: read", round(time.process_time() - began, 2), "s of processor")
        if found != content:
            raise RuntimeError("a book came back different")
        began = time.process_time()
        load_book(content)
        yield Row(f"{title}: load", round(time.process_time() - began, 2), "s of processor")
        database.close()


def _write(book: OrderBook, shape: Shape, block: int) -> tuple[list[bytes], float]:
    head = BookHead(1, ZERO_ADDRESS, block, to_hash(sha256(b"%d" % block)), NOW)
    demands = list(draw_demands(shape, DEMANDS))
    began = time.process_time()
    parts = write_book(head, book, demands, Signatures())
    return parts, time.process_time() - began


def _keep(database: Database, parts: list[bytes]) -> float:
    began = time.process_time()
    with database.write() as session:
        put_book(session, digest_of(*parts), parts)
    return time.process_time() - began


def _change(book: OrderBook, shape: Shape) -> None:
    """Take units of some peers, and remove the offers of others."""
    step = shape.offers // CHANGES
    for number, ask in enumerate(islice(draw_asks(shape), 0, None, step)):
        if number % 2:
            book.take(ask.offer.peer, 1)
        else:
            book.remove(ask.hash)


def _size(database: Database) -> int:
    with database.read() as session:
        return sum(
            session.scalar(select(func.sum(func.length(kind.content)))) or 0
            for kind in (BookDocumentRow, BookPartRow)
        )
