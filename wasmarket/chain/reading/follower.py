"""Follow a chain through reorgs: which blocks to undo, then which to apply.

Pure of storage: the caller keeps the tail of blocks that it has applied and hands it in.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Event as StopEvent

from wasmarket.chain.contracts.decoder import Decoder
from wasmarket.chain.errors import ReorgTooDeep
from wasmarket.chain.reading.blocks import Block, BlockRef, RawLog, Reader, Rollback, Update
from wasmarket.chain.reading.logs import LogReader
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.units import Timestamp

logger = logging.getLogger(__name__)

CHUNK = 50
"""Blocks read at once near the head."""


class Follower:
    """Reads the blocks of one deployment.

    `confirmations`: blocks to stay behind the head. `depth`: blocks below the head that may still
    change; deeper ones are read in ranges, and only those with logs are given out. `patience`:
    polls that see a head below the cursor before the node is no longer taken to be just late.
    """

    def __init__(
        self,
        reader: Reader,
        deployment: Deployment,
        decoder: Decoder,
        *,
        confirmations: int = 0,
        depth: int = 64,
        patience: int = 10,
    ) -> None:
        self._reader = reader
        self._first = int(deployment.block)
        self._decoder = decoder
        self._confirmations = confirmations
        self._depth = depth
        self._patience = patience
        self._late = 0
        self._logs = LogReader(reader, decoder.addresses)

    def poll(self, cursor: Sequence[BlockRef]) -> Iterator[Update]:
        """Yield what changed since `cursor`, the applied blocks, newest last ([]: none yet).

        At most one Rollback comes first, then blocks in order up to the head (less confirmations).
        Ends early when the chain changes meanwhile: poll again with the new tail. Of the cursor
        only numbers and hashes are read. Raises ReorgTooDeep when no block of it is left.
        """
        if not cursor:
            yield from self._advance(self._reader.fetch_head(), None)
            return
        tip = cursor[-1]
        head, same = self._reader.fetch_headers(["latest", tip.number])
        if head is None:
            return
        if same is None or same.hash != tip.hash:
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
        yield from self._advance(head, tip)

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
        found = self._reader.fetch_headers([entry.number for entry in below])
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

    def _advance(self, head: BlockRef, tip: BlockRef | None) -> Iterator[Update]:
        target = head.number - self._confirmations
        first = self._first if tip is None else tip.number + 1
        settled = min(head.number - self._depth, target)
        if first <= settled:
            for update in self._read_far(first, settled):
                yield update
                tip = update.ref
            if tip is None or tip.number != settled:
                return
            first = settled + 1
        while first <= target:
            last = min(first + CHUNK - 1, target)
            for update in self._read_near(first, last, tip):
                yield update
                tip = update.ref
            if tip is None or tip.number != last:
                return
            first = last + 1

    def _read_far(self, first: int, last: int) -> Iterator[Block]:
        """Yield blocks with logs, and each stretch's last; stop where the answers disagree."""
        for stretch in self._logs.scan(first, last):
            by_number: dict[int, list[RawLog]] = {stretch.last: []}
            for raw in stretch.logs:
                by_number.setdefault(raw.number, []).append(raw)
            numbers = sorted(by_number)
            for number, ref in zip(numbers, self._reader.fetch_headers(numbers), strict=True):
                if ref is None or not _belong(by_number[number], ref):
                    return
                yield self._build(ref, by_number[number])

    def _read_near(self, first: int, last: int, tip: BlockRef | None) -> Iterator[Block]:
        """Yield every block, its logs asked for by block hash so that forks never mix."""
        refs: list[BlockRef] = []
        for ref in self._reader.fetch_headers(range(first, last + 1)):
            if ref is None or (tip is not None and ref.parent != tip.hash):
                break
            refs.append(ref)
            tip = ref
        hashes = [ref.hash for ref in refs]
        logs = self._reader.fetch_block_logs(self._decoder.addresses, hashes)
        for ref, raws in zip(refs, logs, strict=True):
            if raws is None or not _belong(raws, ref):
                return
            yield self._build(ref, raws)

    def _build(self, ref: BlockRef, raws: Sequence[RawLog]) -> Block:
        timestamps: dict[str, Timestamp] = {ref.hash: ref.timestamp}
        return Block(ref, self._decoder.decode_all(raws, timestamps))


def _belong(raws: Sequence[RawLog], ref: BlockRef) -> bool:
    return all(raw.block_hash == ref.hash for raw in raws)
