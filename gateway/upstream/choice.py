"""Choose the peer for a call: the nearest healthy one, by what calls and probes have measured.

Each peer has a breaker. Closed: it takes calls. Open: it failed, and comes last until it has
rested, longer each time. Then one trial, a call or a probe, decides. Of the healthy ones the one
with the lowest latency times calls under way comes first; those that are alike take turns. What was
measured loses its weight with time, so a peer that was slow once is tried again.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gateway.directory.deals import PeerRoute

MAX_KNOWN = 100_000
LONGEST_REST = 12.0
"""How many times the first rest a peer that goes on failing rests at most."""
ALIKE = 1.3
"""Peers take turns if the slower one is not slower than this many times the faster."""
FLOOR = 0.0005
"""Seconds that are no difference between peers."""


class Breaker(Enum):
    """Whether a peer takes calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class ChoiceRules:
    """Seconds a failed peer rests at first, failures in a row that are too many, and the seconds
    after which a measurement counts for a third.
    """

    rest_seconds: float = 5.0
    failures: int = 3
    memory_seconds: float = 10.0


@dataclass(slots=True)
class PeerState:
    """What is known of one peer."""

    route: PeerRoute
    latency: float = 0.0
    measured_at: float = -math.inf
    under_way: int = 0
    failures: int = 0
    rest: float = 0.0
    opened_until: float = -math.inf
    is_open: bool = False
    is_on_trial: bool = False
    used_at: float = -math.inf
    turn: int = field(default=0)

    def breaker(self, now: float) -> Breaker:
        """Return the state of the breaker at `now`."""
        if not self.is_open:
            return Breaker.CLOSED
        return Breaker.OPEN if now < self.opened_until else Breaker.HALF_OPEN


class Choice:
    """What is known of the peers, and the order in which to ask them."""

    def __init__(self, rules: ChoiceRules, clock: Callable[[], float]) -> None:
        """`clock` returns seconds."""
        self._rules = rules
        self._clock = clock
        self._states: dict[int, PeerState] = {}
        self._turn = 0
        self.on_open: Callable[[], None] = lambda: None
        """Called when a breaker opens."""

    def order(self, peers: Sequence[PeerRoute]) -> list[PeerRoute]:
        """Return the peers in the order to ask them."""
        if len(peers) < 2:
            return list(peers)
        now = self._clock()
        states = [self._state(route) for route in peers]
        for state in states:
            state.used_at = now
        costs = [self._cost(state, now) for state in states]
        nearest = min(costs)
        keys = {
            id(state): (
                self._rank(state, now),
                cost > nearest * ALIKE + FLOOR,
                state.turn if cost <= nearest * ALIKE + FLOOR else cost,
                state.turn,
            )
            for state, cost in zip(states, costs, strict=True)
        }
        ordered = sorted(states, key=lambda state: keys[id(state)])
        return [state.route for state in ordered]

    def begin(self, route: PeerRoute, *, is_probe: bool = False) -> float:
        """Count a call to a peer; return the time, for `answered`."""
        state = self._state(route)
        state.under_way += 1
        now = self._clock()
        if not is_probe:
            self._turn += 1
            state.turn = self._turn
            state.used_at = now
        if state.is_open and now >= state.opened_until:
            state.is_on_trial = True
        return now

    def answered(self, route: PeerRoute, began: float) -> float:
        """Remember that a peer answered; return how long it took, in seconds."""
        now = self._clock()
        state = self._state(route)
        state.under_way = max(0, state.under_way - 1)
        self._measure(state, now - began, now)
        state.failures = 0
        state.rest = 0.0
        state.is_open = state.is_on_trial = False
        return now - began

    def failed(self, route: PeerRoute, *, is_down: bool) -> None:
        """Remember that a peer failed; `is_down` means that nobody listens there."""
        state = self._state(route)
        state.under_way = max(0, state.under_way - 1)
        state.failures += 1
        if is_down or state.is_open or state.failures >= self._rules.failures:
            longest = self._rules.rest_seconds * LONGEST_REST
            state.rest = min(state.rest * 2 or self._rules.rest_seconds, longest)
            state.opened_until = self._clock() + state.rest
            state.is_open, state.is_on_trial = True, False
            self.on_open()

    def left(self, route: PeerRoute, began: float) -> None:
        """Count a call that was given up, or refused: it took at least until now."""
        now = self._clock()
        state = self._state(route)
        state.under_way = max(0, state.under_way - 1)
        state.is_on_trial = False
        if now - began > state.latency:
            self._measure(state, now - began, now)

    def known(self) -> list[PeerState]:
        """Return what is known of every peer."""
        return list(self._states.values())

    def _state(self, route: PeerRoute) -> PeerState:
        state = self._states.get(route.peer)
        if state is None or state.route.endpoint != route.endpoint:
            if len(self._states) >= MAX_KNOWN:
                self._states.clear()
            state = self._states[route.peer] = PeerState(route)
        return state

    def _rank(self, state: PeerState, now: float) -> int:
        match state.breaker(now):
            case Breaker.CLOSED:
                return 0
            case Breaker.HALF_OPEN if not state.is_on_trial:
                # The one trial; whoever makes it can still go to the next peer.
                return 0
            case _:
                return 1

    def _cost(self, state: PeerState, now: float) -> float:
        age = max(0.0, now - state.measured_at)
        weight = math.exp(-age / self._rules.memory_seconds) if math.isfinite(age) else 0.0
        return (state.latency * weight + FLOOR) * (state.under_way + 1)

    def _measure(self, state: PeerState, seconds: float, now: float) -> None:
        """Move the average; a slow answer counts at once, a fast one by and by."""
        if seconds > state.latency or not math.isfinite(state.measured_at):
            share = 0.5 if math.isfinite(state.measured_at) else 1.0
        else:
            share = 0.2
        state.latency += share * (seconds - state.latency)
        state.measured_at = now
