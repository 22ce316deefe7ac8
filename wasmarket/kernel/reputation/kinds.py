"""The kinds of events that a reputation is made of (docs/reference/reputation.md)."""

from enum import StrEnum

from wasmarket.kernel.events.audits import CaseKind, CaseOutcome
from wasmarket.kernel.reasons import BatchReason, EndKind, describe


class ReputationKind(StrEnum):
    """What an event says of a peer."""

    REGISTERED = "registered"
    ASSIGNED = "assigned"
    ACTIVATED = "activated"
    ACTIVATED_LATE = "activated_late"
    REJECTED = "rejected"
    UNFUNDED = "unfunded"
    VETOED = "vetoed"
    UNUSED = "unused"
    LEFT = "left"
    DROPPED = "dropped"
    FINISHED = "finished"
    EVICTED_UNANSWERED = "evicted_unanswered"
    EVICTED_UNPROVEN = "evicted_unproven"
    EVICTED_SHORT = "evicted_short"
    CLAIMED = "claimed"
    REDEEMED = "redeemed"
    ASKED = "asked"
    ANSWERED = "answered"
    ACCUSED = "accused"
    ACQUITTED = "acquitted"
    CONVICTED = "convicted"
    CONTRADICTED = "contradicted"
    VOID = "void"


FAULTS = (ReputationKind.EVICTED_UNANSWERED, ReputationKind.EVICTED_UNPROVEN)
"""Evictions that cost the fault fee."""

EVICTIONS = (*FAULTS, ReputationKind.EVICTED_SHORT)
"""All evictions; a short peer is evicted without a fee, because a conviction took its bond."""

WITH_REASON = (
    ReputationKind.REJECTED,
    ReputationKind.LEFT,
    ReputationKind.VETOED,
    ReputationKind.DROPPED,
)
"""Ends whose reason somebody gave."""

LOST = (ReputationKind.CONVICTED, ReputationKind.CONTRADICTED)
WON = (ReputationKind.ANSWERED, ReputationKind.ACQUITTED)


def kind_of_end(kind: int, why: int, *, ran: bool, fined: bool) -> ReputationKind | None:
    """Return what an `Ended` event says of the peer; None for what its conviction says itself.

    `kind` is an EndKind; `ran`: it had been activated; `fined`: units left with it.
    """
    if kind == EndKind.LEFT and not ran and why == BatchReason.UNFUNDED:
        return ReputationKind.UNFUNDED
    if kind == EndKind.EVICTED and not fined:
        return ReputationKind.EVICTED_SHORT
    before, after = _ENDS.get(kind, (None, None))
    return after if ran else before


_ENDS: dict[int, tuple[ReputationKind, ReputationKind]] = {
    EndKind.LEFT: (ReputationKind.REJECTED, ReputationKind.LEFT),
    EndKind.DROPPED: (ReputationKind.VETOED, ReputationKind.DROPPED),
    EndKind.EVICTED: (ReputationKind.EVICTED_UNANSWERED, ReputationKind.EVICTED_UNPROVEN),
    EndKind.RELEASED: (ReputationKind.UNUSED, ReputationKind.FINISHED),
}
"""What an end says before activation, and after it."""

FIGURES: dict[str, tuple[ReputationKind, ...]] = {
    **{kind.value: (kind,) for kind in ReputationKind},
    "evictions": EVICTIONS,
    "faults": FAULTS,
    "audits_won": WON,
    "audits_lost": LOST,
    "paid": (ReputationKind.CLAIMED, ReputationKind.REDEEMED),
    "refunded": (ReputationKind.CLAIMED,),
    "seized": LOST,
}
"""Which events each figure counts."""

PROVEN = "proven"
"""The one figure that counts commitments, which are events of no such kind."""

FIGURE_NAMES = (PROVEN, *FIGURES)

SORTS = (
    "uptime",
    "age",
    "pay",
    "units",
    "evictions",
    "faults",
    "audits_lost",
    "left",
    "dropped",
    "rejected",
)
"""What lists of reputations are sorted by."""


def describe_reason(kind: ReputationKind, reason: int) -> str:
    """Return the sentence for the reason of an event of that kind."""
    if kind in WITH_REASON:
        return describe(reason)
    if kind == ReputationKind.CONTRADICTED:
        return f"contradiction of kind {reason}"
    return "an ask" if reason == CaseKind.ASK else "an accusation"


_OUTCOMES = {
    CaseOutcome.ANSWERED: ReputationKind.ANSWERED,
    CaseOutcome.CONVICTED: ReputationKind.CONVICTED,
    CaseOutcome.ACQUITTED: ReputationKind.ACQUITTED,
    CaseOutcome.VOID: ReputationKind.VOID,
}


def kind_of_outcome(outcome: int) -> ReputationKind:
    """Return what a case that is over says of the peer it was about; `outcome` a CaseOutcome."""
    return _OUTCOMES[CaseOutcome(outcome)]


def is_in_time(
    *, assigned_at: int, at: int, assigned_block: int, block: int, seconds: int, blocks: int
) -> bool:
    """Say whether a peer could not have been evicted yet for not answering (CONTRACTS 6, evict).

    Times in seconds of the chain; `seconds` is ACCEPT_SECONDS, `blocks` ACCEPT_BLOCKS.
    """
    return at <= assigned_at + seconds or block <= assigned_block + blocks
