"""Say how much more a demand would have to offer: its distance to a match in price alone."""

from bisect import bisect_left
from dataclasses import dataclass, replace

from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.solve import find_lines
from matcher.engine.values import PRICE_BELOW, Demand


@dataclass(frozen=True, slots=True)
class PriceDistance:
    """USDC base units by which `max_price` must rise, all else equal; None: no price does it.

    `any`: until the demand gets its first units, `all`: until it gets all it wants.
    """

    any: int | None
    all: int | None


def find_price_distance(demand: Demand, book: OrderBook) -> PriceDistance:
    """Return the least rises of the demand's price per unit and epoch that would fill it."""
    least = demand.offer.max_price

    def units(rise: int) -> int:
        offer = replace(demand.offer, max_price=least + rise)
        return find_lines(replace(demand, offer=offer), book).units

    def reach(target: int) -> int | None:
        # The more is offered the more fits, so halving finds the least.
        rise = bisect_left(range(max(1, PRICE_BELOW - least)), target, key=units)
        return rise if rise == 0 or rise < PRICE_BELOW - least else None

    return PriceDistance(reach(min(1, demand.want)), reach(demand.want))
