"""The same rounds solved by OR-tools: min-cost flow, and CP-SAT for all-or-nothing deals."""

import numpy as np
from ortools.graph.python import min_cost_flow  # type: ignore[import-untyped]
from ortools.sat.python import cp_model

from matcher.engine.auction.arrays import AuctionArrays

SECONDS = 10.0
"""How long CP-SAT may take; it gives its best solution and bound then."""


def solve_flow(market: AuctionArrays) -> int:
    """Return the most that can be saved where units alone bind."""
    demands, peers = len(market.bid), len(market.free)
    fits = np.unpackbits(market.eligible, axis=1, bitorder="little")[:, : len(market.price)]
    source, sink = demands + peers, demands + peers + 1
    flow = min_cost_flow.SimpleMinCostFlow()
    for demand in range(demands):
        may = (fits[market.kind[demand]] > 0) & (market.price < market.bid[demand])
        rows = np.flatnonzero(may)
        flow.add_arcs_with_capacity_and_unit_cost(
            np.full(len(rows), demand),
            demands + market.peer[rows],
            np.minimum(market.free[market.peer[rows]], market.want[demand]),
            market.price[rows] - market.bid[demand],
        )
    everybody, everywhere = np.arange(demands), demands + np.arange(peers)
    total = int(market.want.sum())
    for tails, heads, room in (
        (np.full(demands, source), everybody, market.want),
        (everywhere, np.full(peers, sink), market.free),
        (np.array([source]), np.array([sink]), np.array([total])),
    ):
        flow.add_arcs_with_capacity_and_unit_cost(tails, heads, room, np.zeros(len(room), np.int64))
    flow.set_nodes_supplies(np.array([source, sink]), np.array([total, -total]))
    if flow.solve() != flow.OPTIMAL:
        raise RuntimeError("min-cost flow found no optimum")
    return -int(flow.optimal_cost())


def solve_whole(market: AuctionArrays) -> tuple[int, int]:
    """Return what CP-SAT saves and its bound, where a demand gets all of its units or none."""
    model = cp_model.CpModel()
    fits = np.unpackbits(market.eligible, axis=1, bitorder="little")
    by_peer: dict[int, list[cp_model.IntVar]] = {}
    terms = []
    for demand, bid in enumerate(market.bid.tolist()):
        mine = []
        for row, price in enumerate(market.price.tolist()):
            peer = int(market.peer[row])
            if fits[market.kind[demand], row] and price <= bid and market.free[peer]:
                most = int(min(market.free[peer], market.want[demand]))
                units = model.new_int_var(0, most, "")
                by_peer.setdefault(peer, []).append(units)
                mine.append(units)
                terms.append((bid - price) * units)
        model.add(sum(mine) == int(market.want[demand]) * model.new_bool_var(""))
    for peer, shares in by_peer.items():
        model.add(sum(shares) <= int(market.free[peer]))
    model.maximize(sum(terms))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = SECONDS
    solver.solve(model)
    return int(solver.objective_value), int(solver.best_objective_bound)
