"""What events say of the peers that they are about, kept for reputations."""

from typing import Any

from indexer.scope import Scope
from wasmarket.chain.reading.blocks import Log
from wasmarket.kernel.events import Activated, Ended
from wasmarket.kernel.reputation.kinds import (
    WITH_REASON,
    ReputationKind,
    is_in_time,
    kind_of_end,
)
from wasmarket.kernel.units import Amount, Stake
from wasmarket.store.chain.rows import in_order
from wasmarket.store.tables import AssignmentRow, PeerRow, ReputationEventRow

REPUTATION_EVENT = in_order(
    ReputationEventRow,
    "block_number",
    "log_index",
    "kind",
    "peer",
    "provider",
    "epoch",
    "tx_hash",
    "deal",
    "assignment",
    "reason",
    "units",
    "paid",
    "refunded",
    "seized",
)


def note(
    scope: Scope,
    log: Log[Any],
    kind: ReputationKind,
    assignment: AssignmentRow,
    *,
    reason: int | None = None,
    paid: int = 0,
    refunded: int = 0,
    seized: int = 0,
) -> None:
    """Keep an event of an assignment for the peer that has it."""
    peer = scope.rows.peek(PeerRow, assignment.peer)
    assert peer is not None  # nobody is assigned before it is registered
    scope.rows.append_values(
        REPUTATION_EVENT,
        (
            log.block_number,
            log.log_index,
            kind,
            peer.id,
            peer.provider,
            scope.epoch(log),
            log.tx_hash,
            assignment.deal,
            assignment.id,
            reason,
            assignment.units,
            paid,
            refunded,
            seized,
        ),
    )


def note_registration(scope: Scope, log: Log[Any], peer: PeerRow) -> None:
    """Keep since when a peer is there."""
    scope.rows.append(
        ReputationEventRow,
        block_number=log.block_number,
        log_index=log.log_index,
        kind=ReputationKind.REGISTERED,
        peer=peer.id,
        provider=peer.provider,
        epoch=scope.epoch(log),
        tx_hash=log.tx_hash,
        deal=None,
        assignment=None,
        reason=None,
        units=peer.units,
        paid=Amount(0),
        refunded=Amount(0),
        seized=Stake(0),
    )


def note_activation(scope: Scope, log: Log[Activated], assignment: AssignmentRow) -> None:
    """Keep whether a peer began before it could have been evicted for its silence."""
    parameters = scope.deployment.parameters
    in_time = is_in_time(
        assigned_at=assignment.assigned_at,
        at=log.timestamp,
        assigned_block=assignment.assigned_block,
        block=log.block_number,
        seconds=parameters.accept_seconds,
        blocks=parameters.accept_blocks,
    )
    kind = ReputationKind.ACTIVATED if in_time else ReputationKind.ACTIVATED_LATE
    note(scope, log, kind, assignment)


def note_end(scope: Scope, log: Log[Ended], assignment: AssignmentRow) -> None:
    """Keep how an assignment ended, before its row says so."""
    event = log.event
    fined = scope.resized.pop(event.peer, None) == log.tx_hash
    ran = assignment.start is not None
    kind = kind_of_end(event.kind, event.why, ran=ran, fined=fined)
    if kind is not None:
        note(scope, log, kind, assignment, reason=event.why if kind in WITH_REASON else None)
