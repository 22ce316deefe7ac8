"""The best plan when the number of fills binds: branch and bound over which peers to use.

With too few lines, cheapest first is no longer right (many small peers crowd out a large one) and
the problem is hard in general; so the search is exact while it is small and otherwise stops after
a fixed number of steps with the best plan it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matcher.engine.single.candidates import Candidate, Plan, fill_cheapest, plan_key
from matcher.engine.single.regions import fill_regions
from matcher.engine.values import DemandLimits

STEPS = 200
WIDE = 256


@dataclass(frozen=True, slots=True)
class Found:
    """A plan (empty: none exists) and whether it is proven to be the best."""

    plan: Plan
    is_exact: bool


def relax(entries: Sequence[Candidate], limits: DemandLimits) -> Plan:
    """Return the best plan when any number of fills is allowed: no plan within them is better."""
    plan = fill_cheapest(entries, limits)
    covered = {entry.region for entry, _ in plan}
    if len(covered) >= limits.regions:
        return plan
    return fill_regions(entries, limits)


def search(entries: Sequence[Candidate], limits: DemandLimits, *, steps: int = STEPS) -> Found:
    """Return the best plan of at most `limits.fills` fills, trying at most `steps` branches."""
    kept = _narrow(entries, limits)
    best = _first_guess(kept, limits)
    branches: list[tuple[Sequence[Candidate], frozenset[int]]] = [(kept, frozenset())]
    while branches and steps:
        steps -= 1
        allowed, used = branches.pop()
        plan = relax(allowed, _within_fills(allowed, limits))
        if plan_key(plan) <= plan_key(best):
            continue
        if len(plan) <= limits.fills:
            best = plan
            continue
        # The peer that gives the least is the one to do without, or else to insist on.
        least = min((units, -entry.rank) for entry, units in plan if entry.rank not in used)
        rank = -least[1]
        insisted = used | {rank}
        branches.append(
            ([e for e in allowed if e.rank in insisted], insisted)
            if len(insisted) == limits.fills
            else (allowed, insisted)
        )
        branches.append(([e for e in allowed if e.rank != rank], used))
    return Found(best, not branches and len(kept) == len(entries))


def _within_fills(entries: Sequence[Candidate], limits: DemandLimits) -> DemandLimits:
    """Want no more than the largest peers could give in as many lines."""
    largest = sorted((min(e.units, limits.room(e.provider)) for e in entries), reverse=True)
    return replace(limits, want=min(limits.want, sum(largest[: limits.fills])))


def _narrow(entries: Sequence[Candidate], limits: DemandLimits) -> Sequence[Candidate]:
    """Keep the cheapest of all, the largest, and the cheapest of each region."""
    if len(entries) <= WIDE:
        return entries
    kept = {entry.rank for entry in entries[: WIDE // 2]}
    kept |= {
        e.rank for e in sorted(entries, key=lambda e: (-e.units, e.price, e.rank))[: WIDE // 4]
    }
    seen: dict[int, int] = {}
    for entry in entries:
        seen[entry.region] = seen.get(entry.region, 0) + 1
        if limits.regions and seen[entry.region] <= 2:
            kept.add(entry.rank)
    return [entry for entry in entries if entry.rank in kept]


def _first_guess(entries: Sequence[Candidate], limits: DemandLimits) -> Plan:
    """Try cheapest first among peers of at least each size, cut after the last allowed line."""
    best: Plan = ()
    for size in sorted({min(e.units, limits.room(e.provider)) for e in entries} - {0}):
        large = [e for e in entries if min(e.units, limits.room(e.provider)) >= size]
        plan = fill_cheapest(large, limits)[: limits.fills]
        if len({entry.region for entry, _ in plan}) >= limits.regions:
            best = max(best, plan, key=plan_key)
    return best
