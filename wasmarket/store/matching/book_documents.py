"""Keep the books that matches were computed from, what two of them share only once.

A book comes in the parts in which it was written: between two rounds only the parts around what
changed are different, the others are there already.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from wasmarket.kernel.errors import NotFound
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.units import Hash
from wasmarket.store.errors import Inconsistent
from wasmarket.store.tables import BookDocumentRow, BookPartRow

MOST_BYTES = 256 * 1024
"""Of a part that is kept; a larger one is cut."""

DIGEST_BYTES = 32
BATCH = 200
"""Parts in one query, some megabytes."""


@dataclass(frozen=True, slots=True)
class BookOutline:
    """What a book is made of: its size in bytes, and the parts by digest, in order."""

    size: int
    parts: Sequence[bytes]
    whole: bytes | None = None
    """An older book, as it was kept."""

    def stretches(self) -> Iterator["BookOutline"]:
        """Yield outlines of its stretches, each small enough to be read at once."""
        if self.whole is not None:
            yield self
        for first in range(0, len(self.parts), BATCH):
            yield BookOutline(0, self.parts[first : first + BATCH])


def put_book(session: Session, digest: Hash, written: Iterable[bytes]) -> None:
    """Keep a book under its digest; a known one stays, and so does every known part.

    Any parts are right that make up the book; those of `write_book` have some 10 KB.
    """
    if session.get(BookDocumentRow, digest) is not None:
        return
    parts = [
        part[first : first + MOST_BYTES]
        for part in written
        for first in range(0, len(part), MOST_BYTES)
    ]
    names = [sha256(part) for part in parts]
    known = set(chain.from_iterable(_fetch_known(session, part) for part in _batches(names)))
    new = {name: place for place, name in enumerate(names) if name not in known}
    for batch in _batches(list(new)):
        rows = []
        for name in batch:
            rows.append({"digest": name, "content": zlib.compress(parts[new[name]])})
        session.execute(insert(BookPartRow), rows)
    size = sum(map(len, parts))
    session.add(BookDocumentRow(digest=digest, content=b"".join(names), size=size, in_parts=True))
    session.flush()


def fetch_book_outline(session: Session, digest: Hash) -> BookOutline:
    """Return what a book is made of. Raises NotFound."""
    row = session.get(BookDocumentRow, digest)
    if row is None:
        raise NotFound(
            f"there is no book {digest}",
            field="digest",
            remedy="take the `book` of a match record of this matcher",
        )
    if not row.in_parts:
        return BookOutline(row.size, (), row.content)
    places = range(0, len(row.content), DIGEST_BYTES)
    return BookOutline(row.size, [row.content[at : at + DIGEST_BYTES] for at in places])


def fetch_book_parts(session: Session, stretch: BookOutline) -> bytes:
    """Return the bytes of one of an outline's stretches. Raises Inconsistent."""
    if stretch.whole is not None:
        return zlib.decompress(stretch.whole, bufsize=stretch.size or 1)
    query = select(BookPartRow.digest, BookPartRow.content).where(
        BookPartRow.digest.in_(stretch.parts)
    )
    found = {bytes(name): content for name, content in session.execute(query)}
    missing = [name.hex() for name in stretch.parts if name not in found]
    if missing:
        raise Inconsistent(f"the store has lost a part of a book: {missing[0]}")
    return b"".join([zlib.decompress(found[name]) for name in stretch.parts])


def fetch_book(session: Session, digest: Hash) -> bytes:
    """Return the bytes of a book. Raises NotFound, Inconsistent."""
    outline = fetch_book_outline(session, digest)
    return b"".join([fetch_book_parts(session, part) for part in outline.stretches()])


def _fetch_known(session: Session, names: Sequence[bytes]) -> list[bytes]:
    query = select(BookPartRow.digest).where(BookPartRow.digest.in_(names))
    return [bytes(name) for name in session.scalars(query)]


def _batches(names: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(names), BATCH):
        yield names[first : first + BATCH]
