"""Keep what this gateway saw of each peer: calls, failures by reason, how long answers took.

What a gateway sees depends on where it is and on who calls through it: it is told under its name,
and is no part of any reputation. Memory is bounded: some numbers a peer, of two days at most.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.directory.deals import PeerRoute

MAX_PEERS = 10_000
"""Peers that are kept, those called lately."""

PERIOD_SECONDS = 86_400
"""Figures are of this period and the one before."""

PPM = 1_000_000
MICROSECONDS = 1_000_000

BOUNDS_US: tuple[int, ...] = tuple(
    mantissa * 10**exponent
    for exponent in range(7)
    for mantissa in (100, 125, 160, 200, 250, 315, 400, 500, 630, 800)
)
"""Upper bounds of the classes of latency, microseconds, from 0.1 ms to 800 s: a quantile is the
bound of its class, at most 28 % too large."""


class Outcome(StrEnum):
    """How a request to a peer went; the first is the only good one."""

    ANSWERED = "answered"
    UNREACHABLE = "unreachable"
    BROKEN_OFF = "broken_off"
    TIMED_OUT = "timed_out"
    NOT_THERE = "not_there"
    BUSY = "busy"
    STARTING = "starting"


REFUSALS = {404: Outcome.NOT_THERE, 429: Outcome.BUSY, 503: Outcome.STARTING}
"""Answers by which a peer leaves a call to others: no failure, and counted apart."""

FAILURES = (Outcome.UNREACHABLE, Outcome.BROKEN_OFF, Outcome.TIMED_OUT)


@dataclass(slots=True)
class _Counts:
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    classes: Counter[int] = field(default_factory=Counter)

    def add(self, other: "_Counts") -> None:
        self.outcomes.update(other.outcomes)
        self.classes.update(other.classes)


@dataclass(slots=True)
class _Measured:
    route: PeerRoute
    period: int
    last_at: int
    now: _Counts = field(default_factory=_Counts)
    before: _Counts = field(default_factory=_Counts)

    def turn(self, period: int) -> None:
        """Begin a new period if it is time."""
        if period == self.period:
            return
        self.before = self.now if period == self.period + 1 else _Counts()
        self.now, self.period = _Counts(), period


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was seen of some peers since the last period began; quantiles in microseconds.

    `error_ppm`: failures of all calls that were not left to others; None if there were none.
    """

    calls: int
    outcomes: dict[Outcome, int]
    error_ppm: int | None
    p50_us: int | None
    p90_us: int | None
    p99_us: int | None


@dataclass(frozen=True, slots=True)
class PeerMeasurement:
    """What was seen of one peer, last at `last_at` (seconds of the gateway's clock)."""

    peer: int
    region: int
    last_at: int
    seen: Measurement


class Measurements:
    """What was measured of the peers. For one event loop."""

    def __init__(self, time: Callable[[], float]) -> None:
        """`time` returns seconds of Unix time."""
        self._time = time
        self._peers: OrderedDict[int, _Measured] = OrderedDict()

    def note(self, route: PeerRoute, outcome: Outcome, seconds: float | None = None) -> None:
        """Keep how a request to a peer went, and if it answered after how many seconds."""
        now = int(self._time())
        measured = self._peers.pop(route.peer, None)
        if measured is None:
            measured = _Measured(route, now // PERIOD_SECONDS, now)
        self._peers[route.peer] = measured
        if len(self._peers) > MAX_PEERS:
            self._peers.popitem(last=False)
        measured.turn(now // PERIOD_SECONDS)
        measured.route, measured.last_at = route, now
        measured.now.outcomes[outcome] += 1
        if seconds is not None:
            place = bisect_left(BOUNDS_US, int(seconds * MICROSECONDS))
            measured.now.classes[min(place, len(BOUNDS_US) - 1)] += 1

    @property
    def since(self) -> int:
        """Return since when figures count, seconds of Unix time."""
        return (int(self._time()) // PERIOD_SECONDS - 1) * PERIOD_SECONDS

    def of_peers(
        self, peers: Iterable[int] | None = None, *, after: int = 0, limit: int = MAX_PEERS
    ) -> list[PeerMeasurement]:
        """Return what was seen of these peers, or of all behind `after`, by number."""
        wanted = sorted(self._peers if peers is None else set(peers) & self._peers.keys())
        found: list[PeerMeasurement] = []
        for number in wanted[bisect_right(wanted, after) :]:
            if len(found) == limit:
                break
            measured = self._peers[number]
            counts = self._recent(measured)
            if counts.outcomes:
                found.append(
                    PeerMeasurement(
                        number, measured.route.region, measured.last_at, _figures(counts)
                    )
                )
        return found

    def by_region(self) -> dict[int, Measurement]:
        """Return what was seen of all peers of each region."""
        regions: dict[int, _Counts] = {}
        for measured in self._peers.values():
            regions.setdefault(measured.route.region, _Counts()).add(self._recent(measured))
        return {
            region: _figures(counts)
            for region, counts in sorted(regions.items())
            if counts.outcomes
        }

    def _recent(self, measured: _Measured) -> _Counts:
        measured.turn(int(self._time()) // PERIOD_SECONDS)
        counts = _Counts()
        counts.add(measured.before)
        counts.add(measured.now)
        return counts


def _figures(counts: _Counts) -> Measurement:
    outcomes = {kind: counts.outcomes[kind] for kind in Outcome if counts.outcomes[kind]}
    failed = sum(counts.outcomes[kind] for kind in FAILURES)
    judged = failed + counts.outcomes[Outcome.ANSWERED]
    return Measurement(
        calls=sum(outcomes.values()),
        outcomes=outcomes,
        error_ppm=failed * PPM // judged if judged else None,
        p50_us=_quantile(counts.classes, 50),
        p90_us=_quantile(counts.classes, 90),
        p99_us=_quantile(counts.classes, 99),
    )


def _quantile(classes: Counter[int], percent: int) -> int | None:
    """Return the bound of the class that so many percent of the answers do not exceed."""
    total = sum(classes.values())
    if not total:
        return None
    rank = -(-total * percent // 100)  # rounded up: never better than it was
    for place, count in sorted(classes.items()):
        rank -= count
        if rank <= 0:
            return BOUNDS_US[place]
    raise AssertionError("the ranks of all classes add up to the total")
