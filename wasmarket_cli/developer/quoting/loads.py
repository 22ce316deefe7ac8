"""What an expected load would cost in a reserved and in a metered deal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from wasmarket.kernel.billing import WORK_STEP
from wasmarket.kernel.documents.receipts import CallStatus, call_work
from wasmarket.kernel.errors import InvalidInput

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


def load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of an expected load to a command, which gets it as `load`, or None."""

    @wraps(command)
    def call(*arguments: Any, calls: int | None, ms: float | None, size: int, **others: Any) -> Any:
        if (calls is None) != (ms is None):
            raise InvalidInput("give --calls and --ms together", field="calls")
        load = None if calls is None or ms is None else Load(calls, round(ms * 1_000), size)
        return command(*arguments, load=load, **others)

    made: Callable[..., Any] = call
    for option in (
        click.option(
            "--bytes",
            "size",
            type=click.IntRange(0),
            default=BYTES,
            show_default=True,
            help="In and out, of each call",
        ),
        click.option("--ms", type=click.FloatRange(0, 600_000), help="Of a core, for each call"),
        click.option("--calls", type=click.IntRange(1), help="In 30 days: compare both kinds"),
    ):
        made = option(made)
    return made


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
