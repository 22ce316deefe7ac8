"""Say how much more a demand would have to offer: its distance to a match in price alone."""

from bisect import bisect_left
from dataclasses import dataclass, replace

from matcher.engine.index.order_book import OrderBook
from matcher.engine.single.solve import Lines, find_lines
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

    def find(price: int) -> Lines:
        return find_lines(replace(demand, offer=replace(demand.offer, max_price=price)), book)

    most = find(max(least, PRICE_BELOW - 1))

    def reach(target: int) -> int | None:
        if most.units < target:
            return None
        # The more is offered the more fits, up to the dearest that is taken at any price.
        rises = range(max(0, most.dearest - least))
        return bisect_left(rises, target, key=lambda rise: find(least + rise).units)

    return PriceDistance(reach(min(1, demand.want)), reach(demand.want))
