"""Figures of reputation from what happened: whole numbers, ratios in parts per million."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from wasmarket.kernel.reputation.kinds import EVICTIONS, FAULTS, LOST, WON, ReputationKind

PPM = 1_000_000

WINDOWS = (7, 30, 90)
"""Final epochs that figures are counted over; what happened since the last of them counts too."""

PROVEN_OVER = 30
"""Final epochs over which matchers take the proven share, and the events, of a peer."""


class PeerEpoch(NamedTuple):
    """A final epoch in which a peer had something to run: `billed` USDC base units."""

    peer: int
    epoch: int
    assignments: int
    units: int
    billed: int
    proven: bool


@dataclass(frozen=True, slots=True)
class EpochOfPeers:
    """A final epoch of some peers: how many had to prove it and did, what it cost and paid.

    `billed` is the pay of all, `proven_pay` that of the proven ones; USDC base units.
    """

    epoch: int
    active: int
    proven: int
    assignments: int
    units: int
    billed: int
    proven_pay: int


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events of one kind and reason in one epoch: how many, and what they moved together.

    `paid` and `refunded` USDC base units, `seized` FLT base units.
    """

    epoch: int
    kind: ReputationKind
    reason: int | None
    count: int
    paid: int = 0
    refunded: int = 0
    seized: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a peer or provider did over a window; by name in docs/reference/reputation.md.

    `first` and `last` are epochs: proofs are judged up to `last`, events counted from `first` on.
    `reasons`: by kind and reason number, how often.
    """

    first: int
    last: int
    active: int
    proven: int
    billed: int
    proven_pay: int
    counts: dict[ReputationKind, int]
    reasons: dict[ReputationKind, dict[int, int]] = field(default_factory=dict)
    paid: int = 0
    refunded: int = 0
    seized: int = 0

    @property
    def uptime_ppm(self) -> int | None:
        """Return the proven share of active epochs; None if there were none."""
        return share_ppm(self.proven, self.active)

    @property
    def in_time_ppm(self) -> int | None:
        """Return the share of answers in time that an assignment asked the peer for."""
        late = self.count(
            ReputationKind.ACTIVATED_LATE,
            ReputationKind.EVICTED_UNANSWERED,
        )
        good = self.count(ReputationKind.ACTIVATED)
        return share_ppm(good, good + late + self.count(ReputationKind.REJECTED))

    @property
    def evictions(self) -> int:
        """Return how often it was evicted."""
        return self.count(*EVICTIONS)

    @property
    def faults(self) -> int:
        """Return how often it was evicted at the cost of a fee."""
        return self.count(*FAULTS)

    @property
    def audits_won(self) -> int:
        """Return how many cases it won."""
        return self.count(*WON)

    @property
    def audits_lost(self) -> int:
        """Return how often it was convicted."""
        return self.count(*LOST)

    def count(self, *kinds: ReputationKind) -> int:
        """Return how many events there were of some kinds."""
        return sum(self.counts.get(kind, 0) for kind in kinds)


def share_ppm(part: int, whole: int) -> int | None:
    """Return a share in parts per million, rounded down; None of nothing."""
    return part * PPM // whole if whole else None


def first_of_window(final_epoch: int, epochs: int) -> int:
    """Return the first of the last `epochs` final epochs."""
    return max(0, final_epoch - epochs + 1)


def sum_peer_epochs(epochs: Iterable[PeerEpoch]) -> list[EpochOfPeers]:
    """Add up the peers of each epoch, by epoch."""
    found: dict[int, list[PeerEpoch]] = {}
    for entry in epochs:
        found.setdefault(entry.epoch, []).append(entry)
    return [
        EpochOfPeers(
            epoch,
            active=len(entries),
            proven=sum(entry.proven for entry in entries),
            assignments=sum(entry.assignments for entry in entries),
            units=sum(entry.units for entry in entries),
            billed=sum(entry.billed for entry in entries),
            proven_pay=sum(entry.billed for entry in entries if entry.proven),
        )
        for epoch, entries in sorted(found.items())
    ]


def count_figures(
    epochs: Iterable[EpochOfPeers], events: Iterable[EventCount], *, first: int, last: int
) -> Figures:
    """Return the figures of a window from epochs and events of which others are passed over."""
    of_window = [entry for entry in epochs if first <= entry.epoch <= last]
    counts: Counter[ReputationKind] = Counter()
    reasons: dict[ReputationKind, Counter[int]] = {}
    chosen = [entry for entry in events if entry.epoch >= first]
    for entry in chosen:
        counts[entry.kind] += entry.count
        if entry.reason is not None:
            reasons.setdefault(entry.kind, Counter())[entry.reason] += entry.count
    return Figures(
        first=first,
        last=last,
        active=sum(entry.active for entry in of_window),
        proven=sum(entry.proven for entry in of_window),
        billed=sum(entry.billed for entry in of_window),
        proven_pay=sum(entry.proven_pay for entry in of_window),
        counts={kind: counts[kind] for kind in ReputationKind if counts[kind]},
        reasons={kind: dict(sorted(found.items())) for kind, found in sorted(reasons.items())},
        paid=sum(entry.paid for entry in chosen),
        refunded=sum(entry.refunded for entry in chosen),
        seized=sum(entry.seized for entry in chosen),
    )
