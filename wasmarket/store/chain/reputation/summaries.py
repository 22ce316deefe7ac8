"""Read the short records of all peers and providers, which lists are sorted by."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wasmarket.kernel.reputation.figures import share_ppm
from wasmarket.kernel.reputation.kinds import EVICTIONS, FAULTS, LOST, ReputationKind
from wasmarket.kernel.units import Address
from wasmarket.store.chain.reputation.peer_epochs import PeerProofs
from wasmarket.store.tables import PeerRow, ReputationEventRow
from wasmarket.store.views import Indexed

SUMMED = (
    ReputationKind.ACTIVATED,
    ReputationKind.ACTIVATED_LATE,
    ReputationKind.REJECTED,
    ReputationKind.LEFT,
    ReputationKind.DROPPED,
    *EVICTIONS,
    *LOST,
)
"""What summaries count: few events of all."""


@dataclass(slots=True)
class ShortRecord:
    """A peer, or with `peer` None a provider, in short; the figures are those of a window."""

    provider: Address
    peer: int | None
    registered_at: int
    units: int = 0
    used: int = 0
    peers: int = 0
    proofs: PeerProofs = field(default_factory=PeerProofs)
    counts: Counter[ReputationKind] = field(default_factory=Counter)

    def age_epochs(self, at: Indexed) -> int:
        """Return the epochs since it, or its first peer, was registered."""
        return at.epoch - self.registered_at // at.epoch_seconds

    @property
    def uptime_ppm(self) -> int | None:
        """Return the proven share of active epochs; None if there were none."""
        return share_ppm(self.proofs.proven, self.proofs.active)

    @property
    def evictions(self) -> int:
        """Return how often it was evicted."""
        return self._count(*EVICTIONS)

    @property
    def faults(self) -> int:
        """Return how often it was evicted at the cost of a fee."""
        return self._count(*FAULTS)

    @property
    def audits_lost(self) -> int:
        """Return how often it was convicted."""
        return self._count(*LOST)

    def _count(self, *kinds: ReputationKind) -> int:
        return sum(self.counts[kind] for kind in kinds)

    def add(self, other: "ShortRecord") -> None:
        """Count another's peers in."""
        self.registered_at = min(self.registered_at, other.registered_at)
        self.units += other.units
        self.used += other.used
        self.peers += other.peers
        self.proofs = self.proofs.plus(other.proofs)
        self.counts.update(other.counts)


def fetch_summaries(
    session: Session, first: int, proofs: Mapping[int, PeerProofs]
) -> dict[int, ShortRecord]:
    """Return all peers in two queries; `proofs` are those of the window that begins at `first`."""
    row = ReputationEventRow
    counted = (
        select(row.peer, row.kind, func.count())
        .where(row.epoch >= first, row.kind.in_(SUMMED))
        .group_by(row.peer, row.kind)
    )
    peers = select(PeerRow.id, PeerRow.provider, PeerRow.registered_at, PeerRow.units, PeerRow.used)
    found: dict[int, ShortRecord] = {
        peer: ShortRecord(
            provider, peer, registered_at, units, used, 1, proofs.get(peer, PeerProofs())
        )
        for peer, provider, registered_at, units, used in session.execute(peers)
    }
    for peer, kind, count in session.execute(counted):
        found[peer].counts[ReputationKind(kind)] = count
    return found


def sum_by_provider(summaries: Iterable[ShortRecord]) -> list[ShortRecord]:
    """Return the summaries of providers, from those of their peers."""
    found: dict[Address, ShortRecord] = {}
    for summary in summaries:
        known = found.get(summary.provider)
        if known is None:
            known = found[summary.provider] = ShortRecord(
                summary.provider, None, summary.registered_at
            )
        known.add(summary)
    return list(found.values())
