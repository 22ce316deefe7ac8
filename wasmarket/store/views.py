"""What queries answer: values, settled as of one block, that outlive the session."""

from dataclasses import dataclass

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.billing import DealStatus, DealTerms
from wasmarket.kernel.signing.offers import Offer
from wasmarket.kernel.units import (
    Address,
    AssignmentId,
    BlockNumber,
    DealId,
    Hash,
    PeerId,
    Timestamp,
)
from wasmarket.store.enums import (
    AssignmentState,
    DealChangeKind,
    OfferKind,
)


@dataclass(frozen=True, slots=True)
class Indexed:
    """As of which block the store is, and of which deployment."""

    chain_id: int
    market: Address
    epoch_seconds: int
    proof_window: int
    block: BlockNumber
    block_hash: Hash
    timestamp: Timestamp

    @property
    def epoch(self) -> int:
        """The epoch that this block is in."""
        return self.timestamp // self.epoch_seconds

    @property
    def final_epoch(self) -> int:
        """The last epoch whose proofs can no longer change."""
        return self.epoch - 1 - self.proof_window


@dataclass(frozen=True, slots=True)
class AccountView:
    """Free balance and offer counter of an account."""

    address: Address
    free: int
    counter: int


@dataclass(frozen=True, slots=True)
class PublishedView:
    """An offer hash approved on chain; `problem` says why its bytes are not its offer."""

    account: Address
    hash: Hash
    block: BlockNumber
    log_index: int
    kind: OfferKind | None
    offer: Offer | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class AssignmentView:
    """An assignment with the peer that runs it.

    `alive` and `end_of` (last epoch of pay, None if it never ran) are of the settled deal;
    `work` is the most that was redeemed.
    """

    id: AssignmentId
    deal: DealId
    peer: int
    units: int
    price: int
    offer: Hash
    run: int
    state: AssignmentState
    alive: bool
    assigned_block: BlockNumber
    assigned_at: int
    tx_hash: Hash
    start: int | None
    next: int | None
    end_of: int | None
    skipped: int
    ended_at: int | None
    ended_kind: int | None
    why: int | None
    paid: int
    refunded: int
    work: int
    convicted: bool
    provider: Address
    endpoint: str
    key: Hash
    wallet: Address
    region: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class DealView:
    """A deal settled at the epoch of the answer; `live` are its alive assignments by id.

    `meter` signs the usage of a metered deal; zero: reserved.
    """

    id: DealId
    developer: Address
    offer: Hash
    app: Hash
    version: int
    deposit: int
    balance: int
    rate: int
    settled: int
    end: int
    units: int
    run: int
    stopped: bool
    status: DealStatus
    runway: int
    last_funded: int | None
    lapsed_at: int | None
    created_block: BlockNumber
    created_at: int
    tx_hash: Hash
    meter: Address
    live: tuple[AssignmentView, ...]

    @property
    def terms(self) -> DealTerms:
        """The billing half, for kernel.billing."""
        return DealTerms(
            self.balance,
            self.rate,
            self.settled,
            self.end,
            self.units,
            self.run,
            self.stopped,
            self.is_metered,
        )

    @property
    def is_metered(self) -> bool:
        """Whether signed usage is paid, not time."""
        return self.meter != ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class DealChangeView:
    """One line of a deal's history."""

    block: BlockNumber
    log_index: int
    kind: DealChangeKind
    timestamp: Timestamp
    tx_hash: Hash
    by: Address | None
    amount: int
    balance: int
    units: int | None
    app: Hash | None
    deal: DealId


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One claim of epochs `first` … `last`."""

    block: BlockNumber
    log_index: int
    assignment: AssignmentId
    deal: DealId
    provider: Address
    first: int
    last: int
    paid: int
    refunded: int
    timestamp: Timestamp
    tx_hash: Hash


@dataclass(frozen=True, slots=True)
class FillSkipView:
    """A fill that a match refused."""

    block: BlockNumber
    log_index: int
    tx_hash: Hash
    deal: DealId
    peer: int
    reason: int


@dataclass(frozen=True, slots=True)
class BatchSkipView:
    """An id that a batch call left out."""

    block: BlockNumber
    log_index: int
    tx_hash: Hash
    assignment: int
    reason: int


@dataclass(frozen=True, slots=True)
class PeerView:
    """A peer; `free` units are for sale and not used, `proven` its last proven epoch."""

    id: int
    provider: Address
    key: Hash
    units: int
    used: int
    memory_mib: int
    region: int
    traits: int
    wallet: Address
    endpoint: str
    registered_block: BlockNumber
    registered_at: int
    proven: int | None

    @property
    def free(self) -> int:
        """Units that can still be sold."""
        return max(0, self.units - self.used)


@dataclass(frozen=True, slots=True)
class ProviderView:
    """An account as a provider: money, stake, peers; `paid` is what its claims have paid ever."""

    address: Address
    free: int
    counter: int
    stake_free: int
    stake_locked: int
    leaving: int
    ready: int
    peers: int
    units: int
    used: int
    alive_units: int
    paid: int


@dataclass(frozen=True, slots=True)
class EpochView:
    """What ran in an epoch: `billed` is the pay of all that was active, shares included."""

    epoch: int
    start: int
    end: int
    is_final: bool
    committed: int
    peers: int
    assignments: int
    units: int
    billed: int


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as the contracts gave it; `data` is JSON, `branch` begins its block's hash.

    `deal`, `assignment` and `peer` are those it is about, whether or not it names them.
    """

    block: BlockNumber
    log_index: int
    name: str
    timestamp: Timestamp
    tx_hash: Hash
    data: str
    branch: str
    deal: DealId | None
    assignment: AssignmentId | None
    peer: PeerId | None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream of events: after this event, with these reorgs seen.

    `fall_back`: the event is of another branch, which parts from ours above that block.
    """

    block: int
    log_index: int
    reorg: int
    fall_back: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What came after a position. With `reorg_to`, blocks above it are undone: fall back first.

    `resume_id` is then the id of the last event that is left.
    """

    reorg_to: int | None
    events: tuple[EventView, ...]
    position: Position
    resume_id: str = ""
