"""JSON of reputations; docs/reference/reputation.md defines each figure."""

from collections import Counter

from pydantic import BaseModel

from wasmarket.kernel.reputation.figures import EpochOfPeers, EventCount, Figures
from wasmarket.kernel.reputation.kinds import ReputationKind, describe_reason
from wasmarket.serving.amounts import Uint
from wasmarket.store.chain.reputation.named_events import NamedEvent
from wasmarket.store.chain.reputation.reading import ReputationView
from wasmarket.store.chain.reputation.summaries import ShortRecord
from wasmarket.store.views import Indexed


class ReasonJson(BaseModel):
    """How often events of a kind had a reason."""

    kind: str
    reason: Uint
    text: str
    count: int


class WindowJson(BaseModel):
    """Figures over the last `epochs` final epochs, and of events since `first`.

    `counts` has every kind of event. USDC and FLT are base units, ratios parts per million; a
    ratio is null where there was nothing to be a part of.
    """

    epochs: int
    first: int
    last: int
    active: int
    proven: int
    uptime_ppm: int | None
    in_time_ppm: int | None
    billed: Uint
    proven_pay: Uint
    evictions: int
    faults: int
    audits_won: int
    audits_lost: int
    paid: Uint
    refunded: Uint
    seized: Uint
    counts: dict[str, int]
    reasons: list[ReasonJson]

    @classmethod
    def build(cls, epochs: int, figures: Figures) -> "WindowJson":
        """Render the figures of a window."""
        own = set(cls.model_fields) - {"epochs", "counts", "reasons"}
        return cls(
            epochs=epochs,
            counts={kind.value: figures.count(kind) for kind in ReputationKind},
            reasons=[
                ReasonJson(
                    kind=kind, reason=reason, text=describe_reason(kind, reason), count=count
                )
                for kind, found in figures.reasons.items()
                for reason, count in found.items()
            ],
            **{name: getattr(figures, name) for name in own},
        )


class RecordedEpochJson(BaseModel):
    """One epoch: how many peers had to prove it and did, and its events by kind.

    `is_final`: its proofs can no longer change; until then `active` and `proven` are 0.
    """

    epoch: int
    is_final: bool
    active: int
    proven: int
    assignments: int
    units: int
    billed: Uint
    proven_pay: Uint
    paid: Uint
    refunded: Uint
    counts: dict[str, int]


class ReputationJson(BaseModel):
    """What the chain says of a peer, or with `peer` null of all peers of a provider.

    `bond` is FLT base units; `epochs` are those in which something happened, the oldest first.
    """

    provider: str
    peer: int | None
    registered_epoch: int
    age_epochs: int
    bond: Uint
    epoch: int
    final_epoch: int
    windows: list[WindowJson]
    epochs: list[RecordedEpochJson]
    block: int

    @classmethod
    def build(
        cls, view: ReputationView, at: Indexed, *, peer: int | None, bond_per_unit: int
    ) -> "ReputationJson":
        """Render a reputation as of a block."""
        return cls(
            provider=view.provider,
            peer=peer,
            registered_epoch=view.since,
            age_epochs=at.epoch - view.since,
            bond=view.units * bond_per_unit,
            epoch=at.epoch,
            final_epoch=at.final_epoch,
            windows=[WindowJson.build(n, figures) for n, figures in view.windows.items()],
            epochs=_epochs(view, at),
            block=at.block,
        )


def _epochs(view: ReputationView, at: Indexed) -> list[RecordedEpochJson]:
    days = {day.epoch: day for day in view.days}
    events: dict[int, list[EventCount]] = {}
    for entry in view.events:
        events.setdefault(entry.epoch, []).append(entry)
    rendered = []
    for epoch in sorted(days | events):
        day = days.get(epoch, EpochOfPeers(epoch, 0, 0, 0, 0, 0, 0))
        counts: Counter[str] = Counter()
        for entry in events.get(epoch, ()):
            counts[entry.kind.value] += entry.count
        rendered.append(
            RecordedEpochJson(
                epoch=epoch,
                is_final=epoch <= at.final_epoch,
                active=day.active,
                proven=day.proven,
                assignments=day.assignments,
                units=day.units,
                billed=day.billed,
                proven_pay=day.proven_pay,
                paid=sum(entry.paid for entry in events.get(epoch, ())),
                refunded=sum(entry.refunded for entry in events.get(epoch, ())),
                counts=dict(counts),
            )
        )
    return rendered


class NamedEventJson(BaseModel):
    """An event that a figure counts: where it is on the chain, and what it says.

    `kind` is `committed` for a proof of `proven_epoch`; `epoch` is that of the block.
    """

    kind: str
    in_block: int
    log_index: int
    tx: str
    epoch: int
    peer: int
    deal: int | None
    assignment: int | None
    reason: Uint | None
    reason_text: str | None
    units: int
    paid: Uint
    refunded: Uint
    seized: Uint
    proven_epoch: int | None

    @classmethod
    def build(cls, event: NamedEvent) -> "NamedEventJson":
        """Render an event."""
        text = None
        if event.kind is not None and event.reason is not None:
            text = describe_reason(event.kind, event.reason)
        return cls(
            kind="committed" if event.kind is None else event.kind.value,
            in_block=event.block,
            log_index=event.log_index,
            tx=event.tx_hash,
            epoch=event.epoch,
            peer=event.peer,
            deal=event.deal,
            assignment=event.assignment,
            reason=event.reason,
            reason_text=text,
            units=event.units,
            paid=event.paid,
            refunded=event.refunded,
            seized=event.seized,
            proven_epoch=event.proven_epoch,
        )


class SummaryJson(BaseModel):
    """A peer, or with `peer` null a provider, in short, over the window that was asked for."""

    provider: str
    peer: int | None
    peers: int
    units: int
    used: int
    age_epochs: int
    active: int
    proven: int
    uptime_ppm: int | None
    proven_pay: Uint
    evictions: int
    faults: int
    audits_lost: int
    activated: int
    activated_late: int
    rejected: int
    left: int
    dropped: int

    @classmethod
    def build(cls, summary: ShortRecord, at: Indexed) -> "SummaryJson":
        """Render a summary as of a block."""
        counted = ("activated", "activated_late", "rejected", "left", "dropped")
        return cls(
            provider=summary.provider,
            peer=summary.peer,
            peers=summary.peers,
            units=summary.units,
            used=summary.used,
            age_epochs=summary.age_epochs(at),
            active=summary.proofs.active,
            proven=summary.proofs.proven,
            uptime_ppm=summary.uptime_ppm,
            proven_pay=summary.proofs.proven_pay,
            evictions=summary.evictions,
            faults=summary.faults,
            audits_lost=summary.audits_lost,
            **{name: summary.counts[ReputationKind(name)] for name in counted},
        )
