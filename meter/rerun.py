"""Run a share of the calls again whose inputs are known, and compare what receipts say of them."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from meter.papers.examine import Finding, prove_receipt
from wasmarket.kernel.documents.receipts import CallStatus, Receipt, unpack_receipt, value_digest

AT_ONCE = 16
"""Calls that are given to workers together, whose inputs are in memory then."""


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A call whose input is known: `function` is its hash, `value` what its receipt says of it."""

    app: bytes
    function: bytes
    input: bytes
    value: bytes


Execute = Callable[[Sequence[KnownCall]], Sequence[bytes | None]]
"""Runs calls again; returns their values, None where it cannot tell."""
ReadInput = Callable[[bytes], bytes | None]


class Reruns:
    """Chooses at random, so that no peer knows which of its calls are looked at."""

    def __init__(
        self,
        execute: Execute,
        read_input: ReadInput,
        share: float,
        choose: Callable[[], float] = random.random,
    ) -> None:
        """`share`: from 0 to 1."""
        self._execute = execute
        self._read_input = read_input
        self._share = share
        self._choose = choose
        self.done = 0
        """How many calls were run again."""

    def compare(self, finding: Finding, receipts: Sequence[bytes]) -> Finding:
        """Return a finding as it is, or what running its calls again shows to be false."""
        chosen = self._choose_calls(receipts)
        while known := list(islice(chosen, AT_ONCE)):
            values = self._execute([call for _, call in known])
            self.done += len(values)
            for (place, call), value in zip(known, values, strict=True):
                if value not in (None, call.value):
                    sequence = unpack_receipt(receipts[place]).sequence
                    return Finding(
                        summed=finding.summed,
                        problem=f"receipt {sequence} is not what running the call again gives",
                        accused=prove_receipt(receipts, place),
                    )
        return finding

    def _choose_calls(self, receipts: Sequence[bytes]) -> Iterator[tuple[int, KnownCall]]:
        """Yield calls with a known input by chance, with their places."""
        for place, packed in enumerate(receipts):
            if self._choose() >= self._share:
                continue
            receipt = unpack_receipt(packed)
            body = self._read_input(receipt.input)
            if body is not None and receipt.status != CallStatus.REFUSED:
                value = _value_of(receipt)
                yield place, KnownCall(receipt.app, receipt.function, body, value)


def _value_of(receipt: Receipt) -> bytes:
    return value_digest(receipt.output, int(receipt.status), receipt.fuel, receipt.size)
