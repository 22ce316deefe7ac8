"""The same rounds solved by OR-tools: min-cost flow, and CP-SAT where more than units binds."""

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


def solve_limits(market: AuctionArrays, seconds: float = SECONDS) -> tuple[int, int]:
    """Return the surplus that CP-SAT finds and its bound, with minimums and minimum regions.

    Budgets, caps and lines are left out: in the markets that are measured they do not bind.
    """
    model = cp_model.CpModel()
    eligible = np.unpackbits(market.eligible, axis=1, bitorder="little")[:, : len(market.price)]
    by_peer: dict[int, list[cp_model.IntVar]] = {}
    terms = []
    for demand, bid in enumerate(market.bid.tolist()):
        mine: list[cp_model.IntVar] = []
        by_region: dict[int, list[cp_model.IntVar]] = {}
        want = int(market.want[demand])
        open_ = (eligible[market.kind[demand]] > 0) & (market.price <= bid)
        for row in np.flatnonzero(open_ & (market.free[market.peer] > 0)).tolist():
            peer = int(market.peer[row])
            units = model.new_int_var(0, min(int(market.free[peer]), want), "")
            by_peer.setdefault(peer, []).append(units)
            by_region.setdefault(int(market.region[row]), []).append(units)
            mine.append(units)
            terms.append((bid - int(market.price[row])) * units)
        is_served = model.new_bool_var("")
        model.add(sum(mine) <= want * is_served)
        model.add(sum(mine) >= int(market.least[demand]) * is_served)
        if market.spread[demand] > 1:
            used = []
            for shares in by_region.values():
                used.append(model.new_bool_var(""))
                model.add(used[-1] <= sum(shares))
            model.add(sum(used) >= int(market.spread[demand]) * is_served)
    for peer, shares in by_peer.items():
        model.add(sum(shares) <= int(market.free[peer]))
    model.maximize(sum(terms))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    if solver.status_name(solver.solve(model)) not in ("OPTIMAL", "FEASIBLE"):
        return 0, int(solver.best_objective_bound)
    return int(solver.objective_value), int(solver.best_objective_bound)
