"""Check that offers from the chain stand in the order of the chain: ties go to the earlier."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from matcher.orderbook.document import BookDocument
from matcher.verify.findings import Findings
from matcher.verify.history import History, Place
from wasmarket.kernel.units import Hash


class Placed(Protocol):
    """An ask or a demand with its place in the order of arrival."""

    @property
    def hash(self) -> Hash: ...
    @property
    def sequence(self) -> int: ...


def check_order(document: BookDocument, history: History, findings: Findings) -> None:
    """Compare the order of what came from the chain alone with that of its publications.

    An ask can be read once it is published and its peer is registered. Whoever could be read
    before another was published must come first.
    """
    findings.begin("order")
    published = _first_places(history, document.head.block)
    peers = {ask.hash: ask.offer.peer for ask in document.book.asks()}
    readable = {
        hash_: max(place, history.registered_at.get(peers.get(hash_, 0), place))
        for hash_, place in published.items()
    }
    from_chain = {hash_ for hash_ in published if document.signatures.get(hash_, "") is None}
    for kind, entries in (("ask", document.book.asks()), ("demand", document.demands)):
        _check(
            kind,
            (entry for entry in entries if entry.hash in from_chain),
            published,
            readable,
            findings,
        )


def _check(
    kind: str,
    entries: Iterable[Placed],
    published: Mapping[Hash, Place],
    readable: Mapping[Hash, Place],
    findings: Findings,
) -> None:
    latest: tuple[Place, Hash] | None = None
    for entry in sorted(entries, key=lambda entry: (entry.sequence, entry.hash)):
        # Behind the one that was published last of all before it, nothing may be readable sooner.
        where = f"{kind} {entry.hash}"
        if latest is not None and readable[entry.hash] < latest[0]:
            expected = f"before {kind} {latest[1]}, which was published later"
            findings.compare("order", where, "place", expected, "behind it")
        else:
            findings.compare("order", where, "place", True, True)
        place = published[entry.hash]
        if latest is None or place > latest[0]:
            latest = place, entry.hash


def _first_places(history: History, block: int) -> dict[Hash, Place]:
    """Return where each offer was published first with bytes that are its own."""
    places: dict[Hash, Place] = {}
    for entry in history.published:
        if entry.at[0] <= block and history.is_readable(entry):
            places.setdefault(entry.hash, entry.at)
    return places
