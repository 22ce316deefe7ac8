"""Books come back byte for byte; what two of them share is kept once."""

import zlib

import pytest
from sqlalchemy import delete, func, select

from wasmarket.kernel.addresses import to_hash
from wasmarket.kernel.hashing import sha256
from wasmarket.store.chain.rows import Inconsistent
from wasmarket.store.matching.book_documents import MOST_BYTES, fetch_book, put_book
from wasmarket.store.tables import BookDocumentRow, BookPartRow

pytestmark = pytest.mark.unit


def book_of(numbers, block):
    """A book in parts: one for each number, and one that differs from block to block."""
    return [b"%d of the offers;" % number * 20 for number in numbers] + [b"block %d" % block]


def keep(database, parts):
    digest = to_hash(sha256(b"".join(parts)))
    with database.write() as session:
        put_book(session, digest, parts)
    return digest


def read(database, digest):
    with database.read() as session:
        return fetch_book(session, digest)


def count_parts(database):
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(BookPartRow))


def test_put_book__next_round__keeps_only_what_changed(database):
    first = book_of(range(500), block=1)
    second = book_of([n for n in range(501) if n not in (70, 130)], block=2)

    digests = [keep(database, first)]
    before = count_parts(database)
    digests.append(keep(database, second))
    keep(database, second)

    assert [read(database, digest) for digest in digests] == [b"".join(first), b"".join(second)]
    assert before == 501
    assert count_parts(database) - before == 2


@pytest.mark.parametrize(
    "parts",
    [[], [b""], [b"{}"], [b"a", b"", b"a"], [b"x" * (3 * MOST_BYTES + 1), b"y" * MOST_BYTES]],
    ids=["none", "empty", "one", "twice the same", "large"],
)
def test_put_book__any_parts__come_back(database, parts):
    assert read(database, keep(database, parts)) == b"".join(parts)


def test_put_book__part_that_is_too_large__is_cut(database):
    keep(database, [bytes(2 * MOST_BYTES) + b"end"])

    # Two of zeros, which are the same, and what is left.
    assert count_parts(database) == 2


def test_fetch_book__of_before_parts__is_read_as_it_was_kept(database):
    content = b"".join(book_of(range(50), block=1))
    digest = to_hash(sha256(content))
    with database.write() as session:
        session.add(
            BookDocumentRow(
                digest=digest, content=zlib.compress(content), size=len(content), in_parts=False
            )
        )

    assert read(database, digest) == content


def test_fetch_book__part_is_gone__is_said(database):
    digest = keep(database, book_of(range(500), block=1))
    with database.write() as session:
        session.execute(delete(BookPartRow))

    with pytest.raises(Inconsistent, match="lost a part"):
        read(database, digest)
