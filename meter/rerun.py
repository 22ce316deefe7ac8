"""Run a share of the calls again whose inputs are known, and compare what receipts say of them."""

import random
from collections.abc import Callable, Sequence

from meter.papers.examine import Finding, prove_receipt
from wasmarket.kernel.documents.receipts import CallStatus, Receipt, unpack_receipt, value_digest

Execute = Callable[[bytes, bytes, bytes], bytes | None]
"""Runs a call again: app, function's hash, input; returns its value, or None if it cannot tell."""
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
        for place, packed in enumerate(receipts):
            if self._choose() >= self._share:
                continue
            receipt = unpack_receipt(packed)
            body = self._read_input(receipt.input)
            if body is None or receipt.status == CallStatus.REFUSED:
                continue
            value = self._execute(receipt.app, receipt.function, body)
            self.done += 1
            if value is not None and value != _value_of(receipt):
                return Finding(
                    summed=finding.summed,
                    problem=f"receipt {receipt.sequence} is not what running the call again gives",
                    accused=prove_receipt(receipts, place),
                )
        return finding


def _value_of(receipt: Receipt) -> bytes:
    return value_digest(receipt.output, int(receipt.status), receipt.fuel, receipt.size)
