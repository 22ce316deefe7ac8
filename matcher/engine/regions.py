"""The cheapest units that come from at least so many distinct regions: a minimum-cost flow.

Money flows source → provider → region → sink; the first unit of a region may flow straight to the
sink, all others through one pipe that is as wide as there are units to spare. A flow of n units
then has `regions` regions or more, and a cheapest flow is the cheapest such choice: exact, also
with caps per provider.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from kernel.units import Address
from matcher.engine.candidates import Candidate, Limits, Plan

_SOURCE, _SINK, _SPARE = 0, 1, 2


@dataclass(slots=True)
class _Network:
    """Arcs in pairs, there and back; arc i's opposite is i ^ 1."""

    heads: list[int] = field(default_factory=list)
    room: list[int] = field(default_factory=list)
    cost: list[int] = field(default_factory=list)
    arcs: list[list[int]] = field(default_factory=lambda: [[], [], []])

    def add_node(self) -> int:
        self.arcs.append([])
        return len(self.arcs) - 1

    def add_arc(self, tail: int, head: int, room: int, cost: int) -> int:
        for end, other, units, price in ((tail, head, room, cost), (head, tail, 0, -cost)):
            self.arcs[end].append(len(self.heads))
            self.heads.append(other)
            self.room.append(units)
            self.cost.append(price)
        return len(self.heads) - 2

    def push_cheapest(self, most: int) -> int:
        """Send up to `most` units along one cheapest path; return how many went."""
        distance: list[int | None] = [None] * len(self.arcs)
        reached_by = [-1] * len(self.arcs)
        distance[_SOURCE] = 0
        queue = deque([_SOURCE])
        while queue:
            node = queue.popleft()
            so_far = distance[node] or 0
            for arc in self.arcs[node]:
                head, price = self.heads[arc], so_far + self.cost[arc]
                known = distance[head]
                if self.room[arc] and (known is None or price < known):
                    distance[head], reached_by[head] = price, arc
                    queue.append(head)
        if distance[_SINK] is None:
            return 0
        path, node = [], _SINK
        while node != _SOURCE:
            path.append(reached_by[node])
            node = self.heads[reached_by[node] ^ 1]
        units = min(most, *(self.room[arc] for arc in path))
        for arc in path:
            self.room[arc] -= units
            self.room[arc ^ 1] += units
        return units


def fill_regions(entries: Sequence[Candidate], limits: Limits) -> Plan:
    """Take the cheapest units in at least `limits.regions` regions, as many as can be had.

    Every limit but the number of fills is kept. Empty when it cannot be done at all.
    """
    low, high, best = limits.regions, limits.want, _flow(entries, limits, limits.want)
    if best or low > high:
        return best
    # More units never cost less, so the largest number that can be had and paid is found by halves.
    high -= 1
    while low <= high:
        middle = (low + high) // 2
        plan = _flow(entries, limits, middle)
        best = plan or best
        low, high = (middle + 1, high) if plan else (low, middle - 1)
    return best


def _flow(entries: Sequence[Candidate], limits: Limits, units: int) -> Plan:
    """Take exactly `units` at the least cost; empty when impossible or above the budget."""
    if units < limits.regions:
        return ()
    network = _Network()
    network.add_arc(_SPARE, _SINK, units - limits.regions, 0)
    providers: dict[Address, int] = {}
    regions: dict[int, int] = {}
    # Ranks break ties and can never outweigh one base unit of price.
    scale = units * len(entries) + 1
    arcs: list[tuple[Candidate, int]] = []
    for entry in entries:
        if entry.provider not in providers:
            providers[entry.provider] = network.add_node()
            room = limits.room(entry.provider)
            network.add_arc(_SOURCE, providers[entry.provider], room, 0)
        if entry.region not in regions:
            node = regions[entry.region] = network.add_node()
            network.add_arc(node, _SINK, 1, 0)
            network.add_arc(node, _SPARE, units, 0)
        arc = network.add_arc(
            providers[entry.provider],
            regions[entry.region],
            entry.units,
            entry.price * scale + entry.rank,
        )
        arcs.append((entry, arc))
    missing = units
    while missing:
        pushed = network.push_cheapest(missing)
        if not pushed:
            return ()
        missing -= pushed
    plan = tuple((entry, sent) for entry, arc in arcs if (sent := network.room[arc ^ 1]))
    cost = sum(entry.price * sent for entry, sent in plan)
    return plan if cost <= limits.budget else ()
