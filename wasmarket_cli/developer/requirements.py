"""What a developer may ask of peers: the options that `quote` and `deploy` share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from wasmarket.kernel.selection.wishes import NO_WISH, Wish, dump_wish
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket_cli.options import REGIONS, TRAITS

UNITS = click.IntRange(1, 65_535)
COUNT = click.IntRange(0)


@dataclass(frozen=True, slots=True)
class Needs:
    """Units, and what their peers must be like. Masks as in DESIGN 8.1; 0: no wish."""

    units: int
    regions: int
    traits: int
    memory: int
    """MiB per unit."""
    min_regions: int
    per_provider: int
    wish: Wish = NO_WISH

    def to_json(
        self, max_price: int | None = None, *, kind: PriceKind = PriceKind.RESERVED
    ) -> dict[str, Any]:
        """Return them as the matcher takes them for a quote."""
        wanted: dict[str, Any] = {
            "units": self.units,
            "kind": int(kind),
            "regions": str(self.regions),
            "traits": str(self.traits),
            "min_memory_mib": self.memory,
            "min_regions": self.min_regions,
            "max_units_per_provider": self.per_provider,
        }
        if self.wish != NO_WISH:
            wanted["wish"] = dump_wish(self.wish)
        return wanted if max_price is None else wanted | {"max_price": str(max_price)}


OPTIONS = (
    click.option("--units", "-u", type=UNITS, default=1, show_default=True, help="How many"),
    click.option("--regions", type=REGIONS, default=0, help="Any of these, e.g. DE,FR or EU"),
    click.option("--traits", type=TRAITS, default=0, help="All of these, e.g. nvme,renewable"),
    click.option("--memory", type=COUNT, default=0, help="Least MiB per unit"),
    click.option("--min-regions", type=COUNT, default=0, help="Least number of regions"),
    click.option("--per-provider", type=COUNT, default=0, help="Most units of one provider"),
)


def needs_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as `needs`."""

    @wraps(command)
    def call(
        *arguments: Any,
        units: int,
        regions: int,
        traits: int,
        memory: int,
        min_regions: int,
        per_provider: int,
        **others: Any,
    ) -> Any:
        needs = Needs(units, regions, traits, memory, min_regions, per_provider)
        return command(*arguments, needs=needs, **others)

    made: Callable[..., Any] = call
    for option in reversed(OPTIONS):
        made = option(made)
    return made
