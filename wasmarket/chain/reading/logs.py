"""Read long stretches of logs in ranges that the node can answer, found by trying."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wasmarket.chain.errors import RpcError
from wasmarket.chain.reading.blocks import RawLog, Reader
from wasmarket.kernel.errors import MarketError, TimedOut, TooLarge
from wasmarket.kernel.units import Address

FIRST_SPAN = 500
LONGEST_SPAN = 10_000
"""Blocks per request."""

FEW_LOGS = 5_000
MANY_LOGS = 20_000
"""Below: twice as many blocks next time; above: half. Bounds the memory of an answer."""

_TOO_MUCH = re.compile(
    r"too (many|large|big|wide)|more than|exceed|limit|block range|time(d)?\s?-?out|response size",
    re.IGNORECASE,
)
_OUT_OF_RANGE = re.compile(r"out\s?of\s?range|beyond|greater than latest", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stretch:
    """All logs of blocks first … last."""

    first: int
    last: int
    logs: list[RawLog]


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

        Halves the span while the node says "too many" or does not answer in time and doubles it
        when answers are small. Raises the node's error when one block alone is too much for it.
        """
        while first <= last:
            until = min(first + self.span - 1, last)
            try:
                logs = self._reader.fetch_logs(self._addresses, first, until)
            except (RpcError, TimedOut, TooLarge) as error:
                if until == first or not is_too_much(error):
                    raise
                self.span = max(1, (until - first + 1) // 2)
                continue
            yield Stretch(first, until, logs)
            first = until + 1
            if len(logs) < FEW_LOGS:
                self.span = min(self.span * 2, LONGEST_SPAN)
            elif len(logs) > MANY_LOGS:
                self.span = max(1, self.span // 2)


def is_too_much(error: MarketError) -> bool:
    """Say whether a smaller range may get an answer."""
    if not isinstance(error, RpcError):
        return True
    return bool(_TOO_MUCH.search(error.detail)) and not _OUT_OF_RANGE.search(error.detail)
