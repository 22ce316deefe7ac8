"""The options by which `quote` and `deploy` ask something of the matcher beside the offer."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

from wasmarket.client.market.amounts import BaseUnits
from wasmarket.client.market.wishes import MEMBERS, read_wish
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.selection.wishes import Wish
from wasmarket_cli.options import USDC

COUNT = click.IntRange(0)
OPTIONS = (
    click.option(
        "--data-center",
        "data_centers",
        multiple=True,
        metavar="ID",
        help="In any of these (repeatable); `wasmarket peer sites` lists them",
    ),
    click.option(
        "--min-uptime", metavar="PERCENT", help="Proven share of a peer's active epochs, e.g. 99.5%"
    ),
    click.option("--max-evictions", type=COUNT, help="Evictions that a peer may have had"),
    click.option("--min-age", "min_age_epochs", type=COUNT, help="Epochs since it registered"),
    click.option(
        "--max-latency",
        "max_latency_ms",
        type=COUNT,
        help="In ms, nine of ten answers, where measured",
    ),
    click.option(
        "--latency-by",
        metavar="GATEWAY",
        help="Whose measurements of latency count; `wasmarket peer latencies` lists them",
    ),
    click.option("--budget", type=USDC, help="USDC that all units may cost in 30 days"),
    click.option(
        "--min-speed", type=COUNT, help="10^6 fuel per second and unit, by the peer's benchmark"
    ),
    click.option(
        "--claim", "claims", multiple=True, metavar="KIND", help="Claiming this (repeatable)"
    ),
    click.option(
        "--prefer",
        "providers",
        multiple=True,
        metavar="ADDRESS=PERCENT",
        help="Let a provider's prices count for so much where they are compared (repeatable)",
    ),
)


def wish_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets what was given as the mapping `wished`."""

    @wraps(command)
    def call(*arguments: Any, **others: Any) -> Any:
        given = {name: others.pop(name) for name in MEMBERS}
        wished = {name: value for name, value in given.items() if value not in (None, ())}
        return command(*arguments, wished=wished, **others)

    made: Callable[..., Any] = call
    for option in reversed(OPTIONS):
        made = option(made)
    return made


def build_wish(wished: Mapping[str, Any], table: Mapping[str, Any] | None = None) -> Wish:
    """Return the wish of the options, which go before those of `[wish]`. Raises InvalidInput."""
    options = dict(wished)
    if "budget" in options:
        options["budget"] = BaseUnits(options["budget"])
    if "providers" in options:
        options["providers"] = dict(map(_split, options["providers"]))
    return read_wish({**(table or {}), **options})


def _split(text: str) -> tuple[str, str]:
    provider, sign, percent = text.partition("=")
    if not sign:
        raise InvalidInput(
            f"{text!r:.80} is no preference",
            field="prefer",
            remedy="write ADDRESS=PERCENT, e.g. 0x…=90%",
        )
    return provider, percent
