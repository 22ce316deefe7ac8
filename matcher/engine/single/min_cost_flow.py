"""Minimum-cost flow on a small network, in whole numbers (kernels).

Costs are pairs, compared first part first: price, then rank. Neither can outweigh the other.
"""

import numpy as np

from matcher.engine.index.compiled import compiled
from matcher.engine.index.layout import I64, LAST, NONE

SOURCE, SINK, SPARE = 0, 1, 2
FIRST_FREE = 3

# Columns of arcs, which come in pairs, there and back: arc i's opposite is i ^ 1
HEAD, ROOM, COST, RANK, NEXT = range(5)
ARC = 5


@compiled
def add_arc(
    arcs: I64, first: I64, count: int, tail: int, head: int, room: int, cost: int, rank: int
) -> int:
    """Write an arc and its opposite; return how many there are then."""
    for step in range(2):
        sign = 1 - 2 * step
        arcs[count + step, HEAD] = tail if step else head
        arcs[count + step, ROOM] = 0 if step else room
        arcs[count + step, COST] = sign * cost
        arcs[count + step, RANK] = sign * rank
        start = head if step else tail
        arcs[count + step, NEXT] = first[start]
        first[start] = count + step
    return count + 2


@compiled
def push_cheapest(arcs: I64, first: I64, most: int) -> int:
    """Send up to `most` units along one cheapest path; return how many went."""
    nodes = len(first)
    cost, rank = np.full(nodes, LAST, np.int64), np.zeros(nodes, np.int64)
    reached, waits = np.full(nodes, NONE, np.int64), np.zeros(nodes, np.bool_)
    queue = np.empty(nodes + 1, np.int64)
    queue[0], start, end = SOURCE, 0, 1
    cost[SOURCE] = 0
    while start != end:
        node = queue[start]
        start = (start + 1) % len(queue)
        waits[node] = False
        arc = first[node]
        while arc != NONE:
            head = arcs[arc, HEAD]
            price, age = cost[node] + arcs[arc, COST], rank[node] + arcs[arc, RANK]
            better = price < cost[head] or (price == cost[head] and age < rank[head])
            if arcs[arc, ROOM] > 0 and better:
                cost[head], rank[head], reached[head] = price, age, arc
                if not waits[head]:
                    waits[head] = True
                    queue[end] = head
                    end = (end + 1) % len(queue)
            arc = arcs[arc, NEXT]
    if cost[SINK] == LAST:
        return 0
    units, node = most, SINK
    while node != SOURCE:
        units = min(units, arcs[reached[node], ROOM])
        node = arcs[reached[node] ^ 1, HEAD]
    node = SINK
    while node != SOURCE:
        arcs[reached[node], ROOM] -= units
        arcs[reached[node] ^ 1, ROOM] += units
        node = arcs[reached[node] ^ 1, HEAD]
    return units


@compiled
def fill_flow(lines: I64, rooms: I64, zones: int, regions: int, units: int) -> I64:
    """Return how many units each line gives when just so many are had at the least cost.

    `lines` are (provider, region, units, price, rank) with providers and regions numbered from 0;
    `rooms` what each provider may give, `zones` how many regions there are, `regions` how many
    must be used. All zero when it is impossible.
    """
    providers = len(rooms)
    first = np.full(FIRST_FREE + providers + zones, NONE, np.int64)
    arcs = np.empty((2 * (1 + providers + 2 * zones + len(lines)), ARC), np.int64)
    count = add_arc(arcs, first, 0, SPARE, SINK, units - regions, 0, 0)
    for provider in range(providers):
        node = FIRST_FREE + provider
        count = add_arc(arcs, first, count, SOURCE, node, rooms[provider], 0, 0)
    for zone in range(zones):
        node = FIRST_FREE + providers + zone
        count = add_arc(arcs, first, count, node, SINK, 1, 0, 0)
        count = add_arc(arcs, first, count, node, SPARE, units, 0, 0)
    start = count
    for line in range(len(lines)):
        tail = FIRST_FREE + lines[line, 0]
        head = FIRST_FREE + providers + lines[line, 1]
        room, cost, rank = lines[line, 2], lines[line, 3], lines[line, 4]
        count = add_arc(arcs, first, count, tail, head, room, cost, rank)
    sent = np.zeros(len(lines), np.int64)
    missing = units
    while missing > 0:
        pushed = push_cheapest(arcs, first, missing)
        if pushed == 0:
            return sent
        missing -= pushed
    for line in range(len(lines)):
        sent[line] = arcs[(start + 2 * line) ^ 1, ROOM]
    return sent
