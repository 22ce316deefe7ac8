"""Books come back byte for byte; what two of them share is kept once."""

import json
import zlib

import pytest
from sqlalchemy import delete, func, select

from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.store.chain.rows import Inconsistent
from wasmarket.store.matching.book_documents import MOST_BYTES, cut, fetch_book, put_book
from wasmarket.store.tables import BookDocumentRow, BookPartRow

pytestmark = pytest.mark.unit


def book_of(numbers, **members):
    """A book's text as the matcher writes it, as far as cutting it matters."""
    asks = [
        {"offer": {"price": str(n)}, "sequence": n, "signature": "0x" + sha256(b"%d" % n).hex()}
        for n in numbers
    ]
    document = {"asks": asks, **members}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def keep(database, content):
    digest = to_hash(sha256(content))
    with database.write() as session:
        put_book(session, digest, content)
    return digest


def read(database, digest):
    with database.read() as session:
        return fetch_book(session, digest)


def count_parts(database):
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(BookPartRow))


def test_put_book__next_round__keeps_only_what_changed(database):
    first = book_of(range(20_000), block=1)
    second = book_of([n for n in range(20_001) if n not in (7_000, 13_000)], block=2)

    digests = [keep(database, first)]
    before = count_parts(database)
    digests.append(keep(database, second))
    keep(database, second)

    assert [read(database, digest) for digest in digests] == [first, second]
    assert before > 100
    assert count_parts(database) - before <= 4


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'00"},' * 50, b'"id":100,"id":1,', b"x" * (3 * MOST_BYTES + 1), b'00":"' * 9],
)
def test_put_book__any_bytes__come_back(database, content):
    assert read(database, keep(database, content)) == content


def test_cut__nothing_to_cut_at__makes_no_part_too_large():
    sizes = [last - first for first, last in cut(b"x" * (3 * MOST_BYTES + 1))]

    assert sizes == [MOST_BYTES] * 3 + [1]


def test_fetch_book__of_before_parts__is_read_as_it_was_kept(database):
    content = book_of(range(50))
    digest = to_hash(sha256(content))
    with database.write() as session:
        session.add(
            BookDocumentRow(
                digest=digest, content=zlib.compress(content), size=len(content), in_parts=False
            )
        )

    assert read(database, digest) == content


def test_fetch_book__part_is_gone__is_said(database):
    digest = keep(database, book_of(range(500)))
    with database.write() as session:
        session.execute(delete(BookPartRow))

    with pytest.raises(Inconsistent, match="lost a part"):
        read(database, digest)
