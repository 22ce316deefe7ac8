"""Find out whether all logs of a block were given, from the bloom in its header.

A filtered answer cannot show what it leaves out. Where the bloom leaves room for doubt, all logs
of the block are asked for, of every contract: together they must fill the header's bloom.
"""

from collections.abc import Sequence

from wasmarket.chain.errors import ContradictoryAnswer
from wasmarket.chain.reading.blocks import Header, LogDecoder, RawLog, Reader
from wasmarket.chain.reading.bloom import FULL_BITS, WantedLogs, bloom_of, kinds_of
from wasmarket.chain.reading.logs import ANOTHER_NODE, check_logs
from wasmarket.kernel.errors import MarketError

Given = tuple[Header, list[RawLog]]
"""A block, and the logs of ours that a node gave for it."""


class Completeness:
    """Checks the logs of one deployment's blocks."""

    def __init__(self, reader: Reader, decoder: LogDecoder) -> None:
        """Check what `reader` gives of the events that `decoder` knows."""
        self._reader = reader
        self._addresses = decoder.addresses
        self._ours = {address.lower() for address in decoder.addresses}
        self._wanted = WantedLogs(decoder.topics)

    def complete(self, given: Sequence[Given]) -> list[list[RawLog] | None]:
        """Return the logs of each block, proven complete; None where the node lost the block.

        Raises ContradictoryAnswer when no answer of the node agrees with the header.
        """
        for header, logs in given:
            self._check(header, logs)
        doubtful = [
            at for at, (header, _) in enumerate(given) if self._wanted.may_be_in(header.bloom)
        ]
        return _replace(given, doubtful, self._ask_for_all([given[at] for at in doubtful]))

    def fill_gaps(self, given: Sequence[Given], last: int) -> list[list[RawLog] | None]:
        """Do as `complete` for many old blocks, at less cost.

        Only a block whose bloom suggests a kind of event that was not given is looked at again,
        and the one of number `last`, where a node may have cut its answer off.
        """
        doubtful: list[int] = []
        vague: list[int] = []
        for at, (header, logs) in enumerate(given):
            seen = kinds_of(logs)
            if self._wanted.is_denied(header.bloom, seen):
                raise self._denied(header)
            if header.ref.number == last or self._wanted.may_miss(header.bloom, seen):
                is_full = header.bloom.bit_count() > FULL_BITS
                (vague if is_full else doubtful).append(at)
        return _replace(
            given,
            doubtful + vague,
            self._ask_for_all([given[at] for at in doubtful])
            + self._ask_again([given[at] for at in vague]),
        )

    def _check(self, header: Header, logs: Sequence[RawLog]) -> None:
        """Refuse logs that are not of the header's block, or that its bloom denies."""
        ref = header.ref
        check_logs(logs, ref.number, ref.number, self._reader.origin)
        if bloom_of(logs) & ~header.bloom:
            raise self._denied(header)

    def _ask_for_all(self, given: Sequence[Given]) -> list[list[RawLog] | None]:
        try:
            found = self._reader.fetch_block_logs((), [header.ref.hash for header, _ in given])
        except MarketError:
            # Too much at once, or one block is: the others need not suffer for it.
            return [self._ask_for_one(header, logs) for header, logs in given]
        return [
            None if all_ is None else self._ours_of(header, logs, all_)
            for (header, logs), all_ in zip(given, found, strict=True)
        ]

    def _ask_for_one(self, header: Header, logs: list[RawLog]) -> list[RawLog] | None:
        try:
            [found] = self._reader.fetch_block_logs((), [header.ref.hash])
        except MarketError:
            # A node may refuse all logs of a block. Then it may not leave out any kind of ours,
            # unless the bloom is so full that it would suggest every kind.
            if not self._wanted.may_miss(header.bloom, kinds_of(logs)):
                return logs
            if header.bloom.bit_count() <= FULL_BITS:
                raise
            return self._ask_again([(header, logs)])[0]
        return None if found is None else self._ours_of(header, logs, found)

    def _ask_again(self, given: Sequence[Given]) -> list[list[RawLog] | None]:
        """Return our logs of blocks, as asked for block by block, which may add some."""
        found = self._reader.fetch_block_logs(
            self._addresses, [header.ref.hash for header, _ in given]
        )
        for (header, first), second in zip(given, found, strict=True):
            if second is not None:
                self._compare(header, first, second)
        return found

    def _ours_of(
        self, header: Header, given: Sequence[RawLog], everything: list[RawLog]
    ) -> list[RawLog]:
        """Return our logs among all of a block. Raises ContradictoryAnswer unless they are all."""
        check_logs(everything, header.ref.number, header.ref.number, self._reader.origin)
        is_counted = sorted(log.index for log in everything) == list(range(len(everything)))
        if header.bloom & ~bloom_of(everything) or not is_counted:
            raise self._contradiction(header, f"{len(everything)} logs, and it has more")
        ours = [log for log in everything if log.address.lower() in self._ours]
        self._compare(header, given, ours)
        return ours

    def _compare(self, header: Header, first: Sequence[RawLog], second: Sequence[RawLog]) -> None:
        """Refuse a second answer that lacks logs of the first, or is of another block."""
        if {log.index for log in first} - {log.index for log in second}:
            raise self._contradiction(header, f"{len(first)} logs of ours, then {len(second)}")
        if any(log.block_hash != header.ref.hash for log in second):
            raise self._contradiction(header, "logs of another block")
        self._check(header, second)

    def _denied(self, header: Header) -> ContradictoryAnswer:
        return self._contradiction(header, "logs that its header denies")

    def _contradiction(self, header: Header, what: str) -> ContradictoryAnswer:
        ref = header.ref
        return ContradictoryAnswer(
            f"{self._reader.origin} gave, for block {ref.number} ({ref.hash}), {what}",
            remedy=ANOTHER_NODE,
        )


def _replace(
    given: Sequence[Given], places: Sequence[int], others: Sequence[list[RawLog] | None]
) -> list[list[RawLog] | None]:
    """Return the logs of the blocks, at some places other ones."""
    logs: list[list[RawLog] | None] = [logs for _, logs in given]
    for at, other in zip(places, others, strict=True):
        logs[at] = other
    return logs
