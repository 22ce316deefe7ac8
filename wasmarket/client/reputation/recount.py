"""Count figures of reputation from logs: the second way to them, beside the index.

Nothing is shared with the indexer but the formulas of `kernel.reputation` and `kernel.billing`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import DealTerms, settle, share
from wasmarket.kernel.deployment import Deployment
from wasmarket.kernel.events import (
    Activated,
    Assigned,
    Claimed,
    Closed,
    Committed,
    Contradicted,
    DealBalance,
    DealCreated,
    Ended,
    Event,
    Lapsed,
    Opened,
    PeerRegistered,
    PeerUnits,
    Redeemed,
    Stopped,
)
from wasmarket.kernel.events.audits import CaseKind, CaseOutcome
from wasmarket.kernel.reputation.figures import (
    WINDOWS,
    EpochOfPeers,
    EventCount,
    Figures,
    PeerEpoch,
    count_figures,
    first_of_window,
    sum_peer_epochs,
)
from wasmarket.kernel.reputation.kinds import (
    WITH_REASON,
    ReputationKind,
    is_in_time,
    kind_of_end,
    kind_of_outcome,
)


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """One event as the log has it; `epoch` is that of its block, `kind` None a commitment."""

    block: int
    log_index: int
    tx: str
    epoch: int
    kind: ReputationKind | None
    peer: int
    reason: int | None = None
    paid: int = 0
    refunded: int = 0
    seized: int = 0
    proven_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Recount:
    """What the logs say of some peers up to a block of epoch `epoch`.

    `since`: epoch of the first registration, `units` for sale together; `days` and `events` are
    those of the longest window, `windows` the figures by number of final epochs.
    """

    epoch: int
    final_epoch: int
    since: int
    units: int
    days: tuple[EpochOfPeers, ...]
    events: tuple[CountedEvent, ...]
    windows: dict[int, Figures]


@dataclass(slots=True)
class _Assignment:
    deal: int
    peer: int
    units: int
    price: int
    run: int
    assigned_at: int
    assigned_block: int
    start: int | None = None
    end: int | None = None
    skipped: int = 0
    is_over: bool = False


@dataclass(slots=True)
class LogCounter:
    """Follows the logs of some peers, and of the deals that they were assigned to, in order.

    Logs of other peers are passed over, of other deals they do no harm.
    """

    deployment: Deployment
    peers: frozenset[int]
    events: list[CountedEvent] = field(default_factory=list)
    _proven: set[tuple[int, int]] = field(default_factory=set)
    _units: dict[int, int] = field(default_factory=dict)
    _registered: list[int] = field(default_factory=list)
    _assignments: dict[int, _Assignment] = field(default_factory=dict)
    _deals: dict[int, DealTerms] = field(default_factory=dict)
    _run_ends: dict[tuple[int, int], int] = field(default_factory=dict)
    _kinds: dict[int, int] = field(default_factory=dict)
    _took_units: dict[int, str] = field(default_factory=dict)

    def apply(self, logs: Iterable[Log[Any]]) -> None:
        """Count logs, given in the order of the chain."""
        for log in logs:
            handler = _HANDLERS.get(type(log.event))
            if handler is not None:
                handler(self, log, log.event)

    def finish(self, timestamp: int) -> Recount:
        """Return the figures as of a block of that time."""
        epoch = timestamp // self.deployment.parameters.epoch_seconds
        last = epoch - 1 - self.deployment.parameters.proof_window
        first = first_of_window(last, max(WINDOWS))
        days = sum_peer_epochs(self._peer_epochs(epoch, first, last))
        recent = [event for event in self.events if event.epoch >= first]
        counts = [
            EventCount(e.epoch, e.kind, e.reason, 1, e.paid, e.refunded, e.seized)
            for e in recent
            if e.kind is not None
        ]
        return Recount(
            epoch=epoch,
            final_epoch=last,
            since=min(self._registered, default=0),
            units=sum(self._units.values()),
            days=tuple(days),
            events=tuple(recent),
            windows={
                window: count_figures(days, counts, first=first_of_window(last, window), last=last)
                for window in WINDOWS
            },
        )

    def _peer_epochs(self, epoch: int, first: int, last: int) -> list[PeerEpoch]:
        """Return who ran in which of the epochs; deals are settled as of `epoch` for that."""
        ends = dict(self._run_ends)
        settled = {}
        for deal, terms in self._deals.items():
            settlement = settle(terms, epoch)
            settled[deal] = settlement.terms
            if settlement.lapsed_at is not None:
                ends[deal, terms.run] = settlement.lapsed_at
        found: dict[tuple[int, int], PeerEpoch] = {}
        for entry in self._assignments.values():
            if entry.start is None:
                continue
            end = entry.end
            if not entry.is_over:
                terms = settled[entry.deal]
                end = ends[entry.deal, entry.run] if entry.run < terms.run else terms.end
            assert end is not None  # whatever is over has an end
            rate = 0 if settled[entry.deal].metered else entry.price * entry.units
            for number in range(max(first, entry.start), min(last, end) + 1):
                pay = share(rate, entry.skipped) if number == entry.start else rate
                key = entry.peer, number
                known = found.get(key) or PeerEpoch(*key, 0, 0, 0, key in self._proven)
                found[key] = known._replace(
                    assignments=known.assignments + 1,
                    units=known.units + entry.units,
                    billed=known.billed + pay,
                )
        return list(found.values())

    def _epoch(self, log: Log[Any]) -> int:
        return self.deployment.epoch_of(log.timestamp)

    def _count(
        self,
        log: Log[Any],
        kind: ReputationKind | None,
        peer: int,
        *,
        reason: int | None = None,
        paid: int = 0,
        refunded: int = 0,
        seized: int = 0,
        proven_epoch: int | None = None,
    ) -> None:
        self.events.append(
            CountedEvent(
                log.block_number,
                log.log_index,
                log.tx_hash,
                self._epoch(log),
                kind,
                peer,
                reason,
                paid,
                refunded,
                seized,
                proven_epoch,
            )
        )

    def _registered_peer(self, log: Log[Any], event: PeerRegistered) -> None:
        if event.peer in self.peers:
            self._registered.append(self._epoch(log))
            self._units[event.peer] = event.units
            self._count(log, ReputationKind.REGISTERED, event.peer)

    def _resized(self, log: Log[Any], event: PeerUnits) -> None:
        if event.peer in self.peers:
            self._units[event.peer] = event.units
            self._took_units[event.peer] = log.tx_hash

    def _committed(self, log: Log[Any], event: Committed) -> None:
        if event.peer in self.peers:
            self._proven.add((event.peer, event.epoch))
            self._count(log, None, event.peer, proven_epoch=event.epoch)

    def _assigned(self, log: Log[Any], event: Assigned) -> None:
        if event.peer not in self.peers:
            return
        deal = self._deals.get(event.deal)
        self._assignments[event.assignment] = _Assignment(
            event.deal,
            event.peer,
            event.units,
            event.price,
            deal.run if deal else 0,
            log.timestamp,
            log.block_number,
        )
        self._count(log, ReputationKind.ASSIGNED, event.peer)

    def _activated(self, log: Log[Any], event: Activated) -> None:
        self._change(log, event.deal, rate=event.rate, balance=event.balance)
        entry = self._assignments.get(event.assignment)
        if entry is None:
            return
        entry.start, entry.skipped = event.epoch, event.skipped
        in_time = is_in_time(
            assigned_at=entry.assigned_at,
            at=log.timestamp,
            assigned_block=entry.assigned_block,
            block=log.block_number,
            seconds=self.deployment.parameters.accept_seconds,
            blocks=self.deployment.parameters.accept_blocks,
        )
        kind = ReputationKind.ACTIVATED if in_time else ReputationKind.ACTIVATED_LATE
        self._count(log, kind, entry.peer)

    def _ended(self, log: Log[Any], event: Ended) -> None:
        self._change(log, event.deal, rate=event.rate, balance=event.balance)
        fined = self._took_units.pop(event.peer, "") == log.tx_hash
        entry = self._assignments.get(event.assignment)
        if entry is None:
            return
        ran = entry.start is not None
        entry.end, entry.is_over = event.end, True
        kind = kind_of_end(event.kind, event.why, ran=ran, fined=fined)
        if kind is not None:
            reason = event.why if kind in WITH_REASON else None
            self._count(log, kind, entry.peer, reason=reason)

    def _claimed(self, log: Log[Any], event: Claimed) -> None:
        entry = self._assignments.get(event.assignment)
        if entry is not None:
            kind = ReputationKind.CLAIMED
            self._count(log, kind, entry.peer, paid=event.paid, refunded=event.refunded)

    def _redeemed(self, log: Log[Any], event: Redeemed) -> None:
        entry = self._assignments.get(event.assignment)
        if entry is not None:
            self._count(log, ReputationKind.REDEEMED, entry.peer, paid=event.paid)

    def _created(self, log: Log[Any], event: DealCreated) -> None:
        metered = event.meter != ZERO_ADDRESS
        self._deals[event.deal] = DealTerms(
            event.deposit, 0, self._epoch(log), event.end, 0, 0, False, metered
        )

    def _lapsed(self, log: Log[Any], event: Lapsed) -> None:
        self._run_ends[event.deal, event.run] = event.last
        self._change(log, event.deal, rate=0, balance=event.balance, run=event.run + 1)

    def _balance(self, log: Log[Any], event: DealBalance) -> None:
        self._change(log, event.deal, balance=event.balance)

    def _stopped(self, log: Log[Any], event: Stopped) -> None:
        self._change(log, event.deal, rate=0, balance=0, end=event.end, stopped=True)

    def _change(self, log: Log[Any], deal: int, **members: Any) -> None:
        """Note what the contract says of a deal, which it settled before it said so."""
        terms = self._deals.get(deal)
        if terms is not None:
            changed = replace(terms, **members)
            settled = max(changed.settled, min(self._epoch(log), changed.end))
            self._deals[deal] = replace(changed, settled=settled)

    def _opened(self, log: Log[Any], event: Opened) -> None:
        self._kinds[event.case] = event.kind
        entry = self._assignments.get(event.assignment)
        if entry is not None:
            is_ask = event.kind == CaseKind.ASK
            kind = ReputationKind.ASKED if is_ask else ReputationKind.ACCUSED
            self._count(log, kind, entry.peer)

    def _closed(self, log: Log[Any], event: Closed) -> None:
        entry = self._assignments.get(event.assignment)
        if entry is None:
            return
        if event.outcome == CaseOutcome.CONVICTED:
            self._took_units.pop(entry.peer, None)
        reason = self._kinds.get(event.case)
        kind = kind_of_outcome(event.outcome)
        self._count(log, kind, entry.peer, reason=reason, seized=event.seized)

    def _contradicted(self, log: Log[Any], event: Contradicted) -> None:
        entry = self._assignments.get(event.assignment)
        if entry is None:
            return
        self._took_units.pop(entry.peer, None)
        kind = ReputationKind.CONTRADICTED
        self._count(log, kind, entry.peer, reason=event.kind, seized=event.seized)


_HANDLERS: dict[type[Event], Callable[[LogCounter, Log[Any], Any], None]] = {
    PeerRegistered: LogCounter._registered_peer,
    PeerUnits: LogCounter._resized,
    Committed: LogCounter._committed,
    Assigned: LogCounter._assigned,
    Activated: LogCounter._activated,
    Ended: LogCounter._ended,
    Claimed: LogCounter._claimed,
    Redeemed: LogCounter._redeemed,
    DealCreated: LogCounter._created,
    Lapsed: LogCounter._lapsed,
    DealBalance: LogCounter._balance,
    Stopped: LogCounter._stopped,
    Opened: LogCounter._opened,
    Closed: LogCounter._closed,
    Contradicted: LogCounter._contradicted,
}
