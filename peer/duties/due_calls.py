"""Decide what this peer owes the chain now. Pure; epochs are absolute, times in chain seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from peer.chain_state.view import RUNNING, Assignment, ChainView, State, is_funded, must_commit
from peer.vouchers.credit import USUAL_CREDIT, Credit, find_idle, find_redeemable
from wasmarket.kernel.deployment import Parameters
from wasmarket.kernel.reasons import LeaveReason

MAX_BATCH = 64
"""Most ids that one call of Market takes."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the services say: which PENDING assignments can be served, which are refused and why,
    and what metered ones may owe, USDC base units.
    """

    ready: frozenset[int] = frozenset()
    refused: Mapping[int, LeaveReason] = field(default_factory=dict)
    credits: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkAccount:
    """Of metered assignments: the work that is signed for and done, what may be owed, and the last
    epochs with a call, of those that had one.
    """

    signed: Mapping[int, int] = field(default_factory=dict)
    done: Mapping[int, int] = field(default_factory=dict)
    terms: Credit = USUAL_CREDIT
    last_called: Mapping[int, int] = field(default_factory=dict)


NO_WORK = WorkAccount()


@dataclass(frozen=True, slots=True)
class DueCalls:
    """What is to be sent, each a batch of at most 64 ids; epochs to commit, oldest first."""

    commit: tuple[int, ...] = ()
    activate: tuple[int, ...] = ()
    leave: tuple[tuple[LeaveReason, tuple[int, ...]], ...] = ()
    release: tuple[int, ...] = ()
    claim: tuple[int, ...] = ()
    redeem: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be sent."""
        return not (
            self.commit or self.activate or self.leave or self.release or self.claim or self.redeem
        )


def find_due_calls(
    chain_view: ChainView,
    outlook: Outlook,
    parameters: Parameters,
    *,
    claim_every: int = 0,
    settle_blocks: int = 0,
    work: WorkAccount = NO_WORK,
) -> DueCalls:
    """Return what is owed; `claim_every` epochs, 0: never.

    A PENDING assignment that is ready but not funded waits for half of ACCEPT_SECONDS and is then
    activated all the same: the chain gives it back without a fault, where silence would be one.
    Epochs are committed once `settle_blocks` of the next one are there, so that a reorganisation
    cannot bring an assignment under a root that does not name it.
    """
    now = chain_view.head.timestamp
    activate: list[int] = []
    refused = outlook.refused
    for held in _pending(chain_view):
        if held.id in refused or held.id not in outlook.ready:
            continue
        funded = is_funded(held, chain_view.deals[held.deal], now, parameters.epoch_seconds)
        if funded or now > held.start + parameters.accept_seconds // 2:
            activate.append(held.id)
    leave: dict[LeaveReason, list[int]] = {}
    for held in _pending(chain_view):
        if held.id in refused:
            leave.setdefault(refused[held.id], []).append(held.id)
    for number in find_idle(chain_view, work.last_called, work.terms):
        leave.setdefault(LeaveReason.POLICY, []).append(number)
    return DueCalls(
        commit=tuple(
            epoch
            for epoch in range(chain_view.epoch - parameters.proof_window, chain_view.epoch)
            if epoch not in chain_view.committed
            and must_commit(chain_view, epoch)
            and (chain_view.epoch_blocks >= settle_blocks or epoch < chain_view.epoch - 1)
        ),
        activate=_batch(activate),
        leave=tuple((why, _batch(ids)) for why, ids in sorted(leave.items())),
        release=_batch(
            held.id
            for held in chain_view.assignments.values()
            if held.is_dead and (held.state not in RUNNING or chain_view.epoch > held.end_of)
        ),
        claim=_batch(_claimable(chain_view, parameters, claim_every)),
        redeem=_batch(
            find_redeemable(chain_view, work.signed, work.done, work.terms, outlook.credits)
        ),
    )


def _pending(chain_view: ChainView) -> list[Assignment]:
    return [
        held
        for held in chain_view.assignments.values()
        if held.state == State.PENDING and held.alive
    ]


def _claimable(chain_view: ChainView, parameters: Parameters, every: int) -> list[int]:
    if not every or chain_view.epoch % every:
        return []
    final = chain_view.epoch - 1 - parameters.proof_window
    return [
        held.id
        for held in chain_view.assignments.values()
        if held.state in (State.ACTIVE, State.ENDED) and held.next <= min(held.end_of, final)
    ]


def _batch(ids: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(ids)[:MAX_BATCH])
