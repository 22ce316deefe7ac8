"""Read long stretches of logs in ranges that the node can answer, found by trying."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wasmarket.chain.errors import ContradictoryAnswer, RpcError
from wasmarket.chain.reading.blocks import BlockRef, LogRange, RawLog, Reader
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.units import Address

FIRST_SPAN = 500
LONGEST_SPAN = 10_000
"""Blocks per request."""

FEW_LOGS = 2_500
MANY_LOGS = 10_000
"""Below: twice as many blocks next time; above: half. Bounds the memory of an answer."""

ANOTHER_NODE = "nothing was kept of it, and it is asked again; if it stays so, use another node"


@dataclass(frozen=True, slots=True)
class Stretch:
    """All logs of blocks first … last; `end` is the last block, known to whoever gave the logs."""

    first: int
    last: int
    logs: list[RawLog]
    end: BlockRef


class LogReader:
    """Remembers which span of blocks the node could answer."""

    def __init__(
        self, reader: Reader, addresses: Sequence[Address], span: int = FIRST_SPAN
    ) -> None:
        self.span = span
        self._reader = reader
        self._addresses = tuple(addresses)

    def scan(self, first: int, last: int) -> Iterator[Stretch]:
        """Yield the logs of first … last in stretches, in order.

        Halves the span whenever a range is refused, whatever the node says, and doubles it when
        answers are small. Raises the node's error when it refuses one block alone, and
        ContradictoryAnswer for logs that cannot be.
        """
        while first <= last:
            until = min(first + self.span - 1, last)
            answer, until = self._ask(first, until)
            if answer.last is None:
                raise RpcError(
                    f"{self._reader.origin} gave the logs of blocks {first} … {until}, but does "
                    f"not know block {until}: it is behind",
                    code=0,
                )
            check_logs(answer.logs, first, until, self._reader.origin)
            yield Stretch(first, until, answer.logs, answer.last)
            first = until + 1
            if len(answer.logs) < FEW_LOGS:
                self.span = min(self.span * 2, LONGEST_SPAN)
            elif len(answer.logs) > MANY_LOGS:
                self.span = max(1, self.span // 2)

    def _ask(self, first: int, until: int) -> tuple[LogRange, int]:
        """Return the answer to first … until, or to the part of it that the node will answer."""
        span = until - first + 1
        while True:
            try:
                answer = self._reader.fetch_range(self._addresses, first, first + span - 1)
            except MarketError:
                if span == 1:
                    # It was not the size: later ranges need not suffer for it.
                    raise
                span //= 2
                continue
            if span < until - first + 1:
                self.span = span
            return answer, first + span - 1


def check_logs(logs: Sequence[RawLog], first: int, last: int, origin: str) -> None:
    """Raise ContradictoryAnswer for logs that are removed, given twice or of other blocks."""
    seen = set()
    for log in logs:
        try:
            place = number, index = int(log.block_number, 16), int(log.log_index, 16)
        except ValueError as error:
            raise ContradictoryAnswer(
                f"{origin} gave a log whose numbers are not in hex: {log.block_number!r:.40}, "
                f"{log.log_index!r:.40}",
                remedy=ANOTHER_NODE,
            ) from error
        if log.removed:
            fault = "is marked as removed"
        elif not first <= number <= last:
            fault = f"is not in blocks {first} … {last}, which were asked for"
        elif place in seen:
            fault = "was given twice"
        else:
            seen.add(place)
            continue
        raise ContradictoryAnswer(
            f"{origin} gave log {index} of block {number}, which {fault}", remedy=ANOTHER_NODE
        )
