"""The cheapest units that come from at least so many distinct regions: a minimum-cost flow.

Units flow source → provider → region → sink; the first unit of a region may flow straight to the
sink, all others through one pipe that is as wide as there are units to spare. A flow of n units
then has `regions` regions or more, and a cheapest flow is the cheapest such choice: exact, also
with caps per provider.
"""

from collections.abc import Sequence

import numpy as np

from matcher.engine.index.layout import LAST
from matcher.engine.single.candidates import Candidate, Plan
from matcher.engine.single.min_cost_flow import fill_flow
from matcher.engine.values import DemandLimits
from wasmarket.kernel.units import Address


def fill_regions(entries: Sequence[Candidate], limits: DemandLimits) -> Plan:
    """Take the cheapest units in at least `limits.regions` regions, as many as can be had.

    Every limit but the number of fills is kept. Empty when it cannot be done at all.
    """
    low, high, best = limits.regions, limits.want, fill_exactly(entries, limits, limits.want)
    if best or low > high:
        return best
    # More units never cost less, so the largest number that can be had and paid is found by halves.
    high = min(high - 1, sum(entry.units for entry in entries))
    while low <= high:
        middle = (low + high) // 2
        plan = fill_exactly(entries, limits, middle)
        best = plan or best
        low, high = (middle + 1, high) if plan else (low, middle - 1)
    return best


def fill_exactly(entries: Sequence[Candidate], limits: DemandLimits, units: int) -> Plan:
    """Take exactly `units` at the least cost; empty when impossible or above the budget."""
    if units < limits.regions or units > sum(entry.units for entry in entries):
        return ()
    providers: dict[Address, int] = {}
    regions: dict[int, int] = {}
    lines = [
        (
            providers.setdefault(entry.provider, len(providers)),
            regions.setdefault(entry.region, len(regions)),
            entry.units,
            entry.price,
            entry.rank,
        )
        for entry in entries
    ]
    if limits.regions > len(regions):
        return ()
    rooms = np.array([min(limits.room(provider), LAST) for provider in providers], np.int64)
    sent = fill_flow(
        np.array(lines, np.int64).reshape(-1, 5), rooms, len(regions), limits.regions, units
    )
    plan = tuple((entry, n) for entry, n in zip(entries, sent.tolist(), strict=True) if n)
    cost = sum(entry.price * n for entry, n in plan)
    return plan if cost <= limits.budget else ()
