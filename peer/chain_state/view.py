"""What the chain says of this peer's assignments at one block, and the rules that follow from it.

Pure. Epochs are absolute; CONTRACTS sections 4 and 5 are the law.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from peer.chain_state.trials import Trial
from wasmarket.chain.reading.blocks import BlockRef
from wasmarket.kernel import billing
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.units import Address, AssignmentId, DealId, Epoch, Hash


class State(IntEnum):
    """State of an assignment's record."""

    NONE = 0
    PENDING = 1
    ACTIVE = 2
    ENDED = 3
    METERED = 4
    CLOSED = 5


RUNNING = (State.ACTIVE, State.METERED)
OVER = (State.ENDED, State.CLOSED)


class OnchainDealState(IntEnum):
    """Status of a deal, as MarketLens numbers it."""

    NONE = 0
    WAITING = 1
    RUNNING = 2
    LAPSED = 3
    STOPPING = 4
    ENDED = 5


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment of this peer. `start`: time of the match while PENDING, then an epoch.

    `paid`: what a metered one was paid so far, USDC base units; of those `next` says nothing.
    """

    id: AssignmentId
    deal: DealId
    units: int
    price: int
    start: int
    next: int
    state: State
    alive: bool
    end_of: int
    paid: int = 0

    @property
    def is_dead(self) -> bool:
        """Whether it can never be billed again and its units can be given back."""
        return self.state in (State.PENDING, *RUNNING) and not self.alive


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal that this peer has or had a part in; amounts are USDC base units."""

    id: DealId
    developer: Address
    app: Hash
    balance: int
    rate: int
    end: int
    status: OnchainDealState
    runway: int
    last_funded: int
    endpoints: tuple[str, ...] = ()
    """Of the deal's other peers."""
    meter: Address = ZERO_ADDRESS
    """Who signs usage; ZERO_ADDRESS in a reserved deal."""
    offer: Hash | None = None
    """The hash of the offer that it came of: after a reorganisation another deal may have `id`."""

    @property
    def is_metered(self) -> bool:
        """Whether usage is paid instead of time."""
        return self.meter != ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """When the chain held an assignment as ACTIVE or METERED: chain seconds, None: still."""

    deal: int
    since: int
    until: int | None = None

    def touches(self, epoch: int, epoch_seconds: int) -> bool:
        """Say whether it was open at any time of an epoch."""
        is_over = self.until is not None and self.until < epoch * epoch_seconds
        return self.since < (epoch + 1) * epoch_seconds and not is_over


@dataclass(frozen=True, slots=True)
class OpenAsk:
    """A question on chain about one of this peer's receipts, which it is to answer."""

    case: int
    assignment: int
    epoch: int
    sequence: int
    since: int
    """Chain seconds."""


@dataclass(frozen=True, slots=True)
class ChainView:
    """Everything known at `head`."""

    peer: int
    head: BlockRef
    epoch: Epoch
    units: int = 0
    memory_mib: int = 0
    provider: Address = ZERO_ADDRESS
    wallet: Address = ZERO_ADDRESS
    assignments: Mapping[int, Assignment] = field(default_factory=dict)
    deals: Mapping[int, Deal] = field(default_factory=dict)
    epoch_blocks: int = 0
    """How many blocks of the epoch are known to be there."""
    spans: Mapping[int, OpenSpan] = field(default_factory=dict)
    """By assignment; also of those that the chain has forgotten, for some epochs."""
    asks: tuple[OpenAsk, ...] = ()
    trials: tuple[Trial, ...] = ()
    """Of this peer's assignments, and those in which it is a juror."""
    committed: frozenset[int] = frozenset()
    """Epochs whose roots the chain has, of the newest ones."""


def serving_until(assignment: Assignment, deal: Deal) -> int:
    """Return the last epoch in which the assignment is to be served; -1 if it never ran."""
    if assignment.state in (State.NONE, State.PENDING, State.CLOSED):
        return -1
    if assignment.state == State.ACTIVE and assignment.alive:
        return min(assignment.end_of, deal.last_funded)
    return assignment.end_of


def is_serving(assignment: Assignment, deal: Deal, epoch: int) -> bool:
    """Say whether calls are to be answered in `epoch`."""
    return epoch <= serving_until(assignment, deal)


def is_funded(assignment: Assignment, deal: Deal, now: int, epoch_seconds: int) -> bool:
    """Say whether Market would let a PENDING assignment activate at `now` (CONTRACTS 5)."""
    if deal.is_metered:
        return True
    rate = assignment.price * assignment.units
    skipped = billing.skipped_part(now, epoch_seconds)
    return deal.balance >= billing.share(rate, skipped) + deal.rate + rate


def must_commit(chain_view: ChainView, epoch: int) -> bool:
    """Say whether `epoch` is to be proven: somebody's pay for it is open, busy or idle.

    Of metered ones each epoch is: without a proof their meters sign nothing, and they are evicted.
    """
    return any(
        first <= epoch <= held.end_of
        for held in chain_view.assignments.values()
        if (first := _first_unproven(held)) is not None
    )


def _first_unproven(held: Assignment) -> int | None:
    if held.state in (State.METERED, State.CLOSED):
        return held.start
    return held.next if held.state in (State.ACTIVE, State.ENDED) else None
