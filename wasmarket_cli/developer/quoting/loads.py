"""The options of an expected load, for `quote`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from wasmarket.client.usage.loads import BYTES, Load
from wasmarket.kernel.errors import InvalidInput


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
