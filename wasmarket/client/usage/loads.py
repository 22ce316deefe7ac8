"""What an expected load would cost in a reserved and in a metered deal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wasmarket.kernel.billing import WORK_STEP
from wasmarket.kernel.documents.receipts import CallStatus, call_work

MONTH_SECONDS = 30 * 86_400
FUEL_PER_US = 1_000
"""Of a core of today: about 10^9 fuel a second."""

BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Load:
    """So many `calls` in 30 days, each of `us` microseconds and `size` bytes in and out."""

    calls: int
    us: int
    size: int

    @property
    def work(self) -> int:
        """Return the work of a month."""
        return self.calls * call_work(CallStatus.ANSWERED, self.us * FUEL_PER_US, self.size)

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.calls:,} calls a month of {self.us / 1_000:g} ms"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a month of a load costs in USDC base units, rounded up; None: not enough on offer."""

    load: Load
    reserved: int | None
    metered: int | None


def compare(
    load: Load,
    units: int,
    epoch_seconds: int,
    by_epoch: Sequence[dict[str, Any]],
    by_work: Sequence[dict[str, Any]],
) -> Comparison:
    """Price a load by both curves for `units`, over which its calls are spread evenly."""
    epochs = -(-MONTH_SECONDS // epoch_seconds)
    reserved, metered = _total(by_epoch, units), _total(by_work, units)
    return Comparison(
        load,
        None if reserved is None else reserved * epochs,
        None if metered is None else -(-load.work * metered // (units * WORK_STEP)),
    )


def _total(curve: Sequence[dict[str, Any]], units: int) -> int | None:
    """Return what `units` cost in all; a curve is straight between its points."""
    before, paid = 0, 0
    for row in curve:
        here, total = int(row["units"]), int(row["total"])
        if here >= units:
            return paid + -(-(total - paid) * (units - before) // (here - before))
        before, paid = here, total
    return None
