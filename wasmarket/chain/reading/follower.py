"""Follow a chain through reorgs: which blocks to undo, then which to apply.

Pure of storage: the caller keeps the tail of blocks that it has applied and hands it in.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from threading import Event as StopEvent

from wasmarket.chain.errors import ContradictoryAnswer, ReorgTooDeep, RpcError
from wasmarket.chain.reading.blocks import (
    Block,
    BlockRef,
    Header,
    LogDecoder,
    RawLog,
    Reader,
    Rollback,
    Update,
)
from wasmarket.chain.reading.completeness import Completeness, Given
from wasmarket.chain.reading.identity import check_identity
from wasmarket.chain.reading.logs import ANOTHER_NODE, LogReader, Stretch, check_logs
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.errors import MarketError, WrongChain
from wasmarket.kernel.units import Timestamp

logger = logging.getLogger(__name__)

_BLOCK_NUMBER = attrgetter("block_number")
_BLOCK_HASH = attrgetter("block_hash")

CHUNK = 50
"""Blocks read at once near the head."""

PROVEN = 100_000
"""Blocks below the head whose every header is read, to prove that no log was left out."""


class Follower:
    """Reads the blocks of one deployment.

    `confirmations`: blocks to stay behind the head. `depth`: blocks below the head that may still
    change; deeper ones are read in ranges, and only those with logs are given out. `patience`:
    polls that see a head below the cursor before the node is no longer taken to be just late.

    With `check_headers` a block's logs must agree with its header, and its header with its hash;
    of blocks deeper than `proven` only those with logs are checked, and each range is read twice.
    The node's chain and contracts are checked first, and again after each failure.
    """

    def __init__(
        self,
        reader: Reader,
        deployment: Deployment,
        decoder: LogDecoder,
        *,
        confirmations: int = 0,
        depth: int = 64,
        patience: int = 10,
        check_headers: bool = True,
        proven: int = PROVEN,
    ) -> None:
        self._reader = reader
        self._deployment = deployment
        self._first = int(deployment.block)
        self._decoder = decoder
        self._confirmations = confirmations
        self._depth = depth
        self._patience = patience
        self._proven = proven
        self._late = 0
        self._is_known = False
        self._logs = LogReader(reader, decoder.addresses)
        self._completeness = Completeness(reader, decoder) if check_headers else None

    def poll(self, cursor: Sequence[BlockRef], until: int | None = None) -> Iterator[Update]:
        """Yield what changed since `cursor`, the applied blocks, newest last ([]: none yet).

        At most one Rollback comes first, then blocks in order up to the head (less confirmations),
        or no further than `until`. Ends early when the chain changes meanwhile: poll again with the
        new tail. Of the cursor only numbers and hashes are read. Raises ReorgTooDeep when no block
        of it is left, WrongChain for a node of another chain, ContradictoryAnswer for one that
        leaves logs out.
        """
        try:
            if not self._is_known:
                check_identity(self._reader, self._deployment)
                self._is_known = True
            yield from self._poll(cursor, until)
        except MarketError as error:
            # Who answers after a failure may be another node, of another chain.
            self._is_known = False
            if isinstance(error, RpcError | WrongChain | ReorgTooDeep):
                self._reader.doubt()
            raise

    def _poll(self, cursor: Sequence[BlockRef], until: int | None) -> Iterator[Update]:
        if not cursor:
            yield from self._advance(self._reader.fetch_head(), None, until)
            return
        tip = cursor[-1]
        head, same = self._reader.fetch_headers(["latest", tip.number])
        if head is None:
            return
        self._check_numbers([tip.number], [same])
        if same is None or same.hash != tip.hash:
            check_identity(self._reader, self._deployment)
            ancestor = self._find_ancestor(cursor, head)
            if same is None and self._may_be_late(cursor, head, ancestor):
                return
            self._late = 0
            logger.warning(
                "chain reorganised",
                extra={"from_block": tip.number, "to_block": ancestor.number},
            )
            yield Rollback(ancestor)
            tip = ancestor
        self._late = 0
        yield from self._advance(head, tip, until)

    def follow(
        self, tail: Callable[[], Sequence[BlockRef]], stop: StopEvent, interval: float
    ) -> Iterator[Update]:
        """Poll every `interval` seconds until `stop` is set; `tail` gives the cursor each time.

        Errors of the node come through: the daemon's loop counts them and calls again.
        """
        while not stop.is_set():
            for update in self.poll(tail()):
                yield update
                if stop.is_set():
                    return
            stop.wait(interval)

    def _find_ancestor(self, cursor: Sequence[BlockRef], head: BlockRef) -> BlockRef:
        below = [entry for entry in cursor if entry.number <= head.number]
        numbers = [entry.number for entry in below]
        found = self._reader.fetch_headers(numbers)
        self._check_numbers(numbers, found)
        for ours, theirs in zip(reversed(below), reversed(found), strict=True):
            if theirs is not None and theirs.hash == ours.hash:
                return theirs
        raise ReorgTooDeep(
            f"none of the {len(cursor)} newest known blocks "
            f"({cursor[0].number} … {cursor[-1].number}) is on this chain, whose head is "
            f"{head.number}",
            remedy="the chain was reset, or changed deeper than can be undone: check that the RPC "
            "URL is right, then delete what was indexed and index again",
        )

    def _may_be_late(self, cursor: Sequence[BlockRef], head: BlockRef, ancestor: BlockRef) -> bool:
        """Say whether the head is only lower than the cursor, on the same chain as far as seen.

        Nodes behind one address differ by some blocks; undoing work for that would be noise.
        """
        between = [e for e in cursor if ancestor.number < e.number <= head.number]
        self._late += 1
        return not between and self._late < self._patience

    def _advance(
        self, head: BlockRef, tip: BlockRef | None, until_block: int | None
    ) -> Iterator[Update]:
        target = head.number - self._confirmations
        if until_block is not None:
            target = min(target, until_block)
        first = self._first if tip is None else tip.number + 1
        settled = min(head.number - self._depth, target)
        old = min(head.number - self._proven, settled) if self._completeness else settled
        for read, until in ((self._read_old, old), (self._read_far, settled)):
            if first > until:
                continue
            for update in read(first, until, tip):
                yield update
                tip = update.ref
            if tip is None or tip.number != until:
                return
            first = until + 1
        while first <= target:
            last = min(first + CHUNK - 1, target)
            for update in self._read_near(first, last, tip):
                yield update
                tip = update.ref
            if tip is None or tip.number != last:
                return
            first = last + 1

    def _read_old(self, first: int, last: int, _tip: BlockRef | None) -> Iterator[Block]:
        """Yield blocks with logs, and each stretch's last; stop where the answers disagree."""
        for stretch in self._logs.scan(first, last):
            self._read_twice(stretch)
            by_number = _group(stretch)
            numbers = sorted(by_number)
            given = []
            for number, header in zip(numbers, self._fetch_headers(numbers), strict=True):
                if header is None or not _belong(by_number[number], header.ref):
                    return
                given.append((header, by_number[number]))
            yield from self._fill(given, stretch.last)

    def _read_twice(self, stretch: Stretch) -> None:
        """Ask for old logs again: no header between tells of one that is missing."""
        if self._completeness is None:
            return
        first, last = stretch.first, stretch.last
        again = self._reader.fetch_logs(self._decoder.addresses, first, last)
        if again != stretch.logs:
            raise ContradictoryAnswer(
                f"{self._reader.origin} gave {len(stretch.logs)} logs of blocks {first} … {last}, "
                f"then {len(again)} others",
                remedy=ANOTHER_NODE,
            )

    def _read_far(self, first: int, last: int, tip: BlockRef | None) -> Iterator[Block]:
        """Do the same, with the headers of all blocks, each a child of the one before."""
        if self._completeness is None:
            yield from self._read_old(first, last, tip)
            return
        for stretch in self._logs.scan(first, last):
            by_number = _group(stretch)
            headers = self._read_headers(stretch.first, stretch.last, tip)
            if len(headers) <= stretch.last - stretch.first or headers[-1].ref != stretch.end:
                return
            given = [(header, by_number.get(header.ref.number, [])) for header in headers]
            if not all(_belong(logs, header.ref) for header, logs in given):
                return
            yield from self._fill(given, stretch.last)
            tip = headers[-1].ref

    def _fill(self, given: Sequence[Given], last: int) -> Iterator[Block]:
        """Yield the blocks with logs and the last, once nothing is missing in any."""
        cut = max((header.ref.number for header, logs in given if logs), default=last)
        filled: Sequence[list[RawLog] | None] = [logs for _, logs in given]
        if self._completeness:
            filled = self._completeness.fill_gaps(given, cut)
        for (header, _), logs in zip(given, filled, strict=True):
            if logs is None:
                return
            if logs or header.ref.number == last:
                yield self._build(header.ref, logs, is_final=True)

    def _read_near(self, first: int, last: int, tip: BlockRef | None) -> Iterator[Block]:
        """Yield every block, its logs asked for by block hash so that forks never mix."""
        headers = self._read_headers(first, last, tip)
        logs = self._reader.fetch_block_logs(
            self._decoder.addresses, [header.ref.hash for header in headers]
        )
        given: list[Given] = []
        for header, raws in zip(headers, logs, strict=True):
            if raws is None or not _belong(raws, header.ref):
                break
            given.append((header, raws))
        proven: Sequence[list[RawLog] | None] = [raws for _, raws in given]
        if self._completeness:
            proven = self._completeness.complete(given)
        for (header, _), raws in zip(given, proven, strict=True):
            if raws is None:
                return
            check_logs(raws, header.ref.number, header.ref.number, self._reader.origin)
            yield self._build(header.ref, raws)

    def _read_headers(self, first: int, last: int, tip: BlockRef | None) -> list[Header]:
        """Return the headers of first … last as far as each is a child of the one before."""
        headers: list[Header] = []
        for header in self._fetch_headers(range(first, last + 1)):
            if header is None or (tip is not None and header.ref.parent != tip.hash):
                break
            headers.append(header)
            tip = header.ref
        return headers

    def _fetch_headers(self, numbers: Sequence[int]) -> list[Header | None]:
        if self._completeness:
            headers = self._reader.fetch_checked_headers(numbers)
        else:
            refs = self._reader.fetch_headers(numbers)
            headers = [None if ref is None else Header(ref, 0) for ref in refs]
        self._check_numbers(numbers, [None if found is None else found.ref for found in headers])
        return headers

    def _check_numbers(self, numbers: Sequence[int], refs: Sequence[BlockRef | None]) -> None:
        """Refuse headers of other blocks than those that were asked for."""
        for number, ref in zip(numbers, refs, strict=True):
            if ref is not None and ref.number != number:
                raise ContradictoryAnswer(
                    f"{self._reader.origin} gave block {ref.number} where {number} was asked for",
                    remedy=ANOTHER_NODE,
                )

    def _build(self, ref: BlockRef, raws: Sequence[RawLog], *, is_final: bool = False) -> Block:
        timestamps: dict[str, Timestamp] = {ref.hash: ref.timestamp}
        return Block(ref, self._decoder.decode_all(raws, timestamps), is_final)


def _group(stretch: Stretch) -> dict[int, list[RawLog]]:
    """Return the stretch's logs by block, its last block among them in any case."""
    by_number: dict[int, list[RawLog]] = {stretch.last: []}
    for number, logs in groupby(stretch.logs, _BLOCK_NUMBER):
        by_number.setdefault(int(number, 16), []).extend(logs)
    return by_number


def _belong(raws: Sequence[RawLog], ref: BlockRef) -> bool:
    return {ref.hash}.issuperset(map(_BLOCK_HASH, raws))
