"""Name what the law speaks of: parameters, offers, records, refusals and events.

Money is an integer of token base units, time a Unix second, an address a string, and an offer's key
whatever `key_of` makes of it. The model never sees a signature, only who signed.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Address = str
Key = Hashable

ZERO = "0x" + 40 * "0"
FOREVER = 2**32 - 1
FULL = 65_536

PENDING, ACTIVE, ENDED, METERED, CLOSED = 1, 2, 3, 4, 5
LEFT, DROPPED, EVICTED, RELEASED, CONVICTED = 1, 2, 3, 4, 5
WAITING, RUNNING, LAPSED, STOPPING, OVER = 1, 2, 3, 4, 5

MAX_LIVE = 64
MAX_RUN = 255
MAX_CLAIM = 1_024

CHALLENGE = 7  # epochs in which an epoch can be asked about, contradicted or accused of
CASE = 5  # epochs that a case can last
HOLD = CHALLENGE + CASE  # epochs for which an ended record stays
RING = 16  # epochs for which a root is kept
NOTICE = 3  # epochs between the end of a metered deal and its developer's taking
PULSE = 0  # the peer that anybody may commit
WORK = 10**12  # work that a metered price is for
BARE = "0x"  # the reason of a revert without one


class Refused(Exception):
    """The call reverts and leaves no trace; its text is the contract's reason."""


class Event(NamedTuple):
    """One log line: which contract says what."""

    source: str
    name: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Parameters:
    """What a deployment fixes for ever. Seconds, epochs, FLT base units."""

    epoch_seconds: int = 100
    accept_seconds: int = 60
    max_missed: int = 3
    proof_window: int = 1
    bond_per_unit: int = 100 * 10**18
    fault_fee: int = 10 * 10**18
    leaving_delay: int = 1_400
    accept_blocks: int = 1
    phase_blocks: int = 1
    ask_fee: int = 2 * 10**18
    stake: int = 50 * 10**18
    juror_fee: int = 3 * 10**18
    seat: int = 100 * 10**18
    min_seats: int = 7
    share_cap: int = 50 * 10**18


@dataclass(frozen=True)
class ProviderOffer:
    """The ask: this peer sells units, by time (kind 0) or by work (kind 1), at this price."""

    peer: int
    kind: int = field(default=0, kw_only=True)
    price: int
    developer: Address = ZERO
    valid_until: int = 2**64
    counter: int = 0
    salt: int = 0


@dataclass(frozen=True)
class DeveloperOffer:
    """The bid: this app wants units on peers like this, at most at this price.

    With a meter the deal is paid by work, else by time.
    """

    developer: Address
    app: bytes
    min_units: int
    units: int
    max_units_per_provider: int
    min_regions: int
    meter: Address = field(default=ZERO, kw_only=True)
    max_price: int
    epochs: int
    deposit: int
    min_memory_mib: int
    regions: int
    traits: int
    providers: tuple[Address, ...]
    providers_mode: int
    matcher: Address
    tip: int
    valid_until: int
    counter: int
    salt: int


@dataclass(frozen=True)
class Fill:
    """One line of a proposed match. `signer` is None when the offer should be approved on chain."""

    offer: ProviderOffer
    units: int
    signer: Address | None


@dataclass(frozen=True)
class Permit:
    """An EIP-2612 permit for the market. `signer` is who really signed, over which nonce."""

    value: int
    deadline: int
    signer: Address
    nonce: int


@dataclass
class Peer:
    """One machine. `units` are for sale and bonded, `used` are in assignments."""

    provider: Address
    units: int
    used: int
    memory_mib: int
    region: int
    wallet: Address
    traits: int

    @property
    def is_short(self) -> bool:
        """Whether a conviction took the bond of units that are in use."""
        return self.used > self.units


@dataclass
class Deal:
    """A developer offer once matched. `settled` is the last epoch that was billed."""

    developer: Address
    balance: int
    rate: int
    settled: int
    end: int
    units: int = 0
    run: int = 0
    stopped: bool = False
    metered: bool = False


@dataclass
class Assignment:
    """Units of one peer given to one deal. Epochs `next` and later are not claimed yet.

    While it is pending `next` is the block of its match; metered or closed, `next` and `skipped`
    are the low and high bits of what it was paid.
    """

    deal: int
    peer: int
    units: int
    price: int
    start: int
    run: int
    state: int = PENDING
    next: int = 0
    end: int = 0
    skipped: int = 0

    @property
    def rate(self) -> int:
        """Cost of a whole epoch."""
        return self.price * self.units

    @property
    def share(self) -> int:
        """Cost of epoch `next`: a part of it in the epoch of activation. Rounds down."""
        return self.rate * (FULL - self.skipped) // FULL

    @property
    def paid(self) -> int:
        """What vouchers brought it so far."""
        return self.next + (self.skipped << 32)

    @paid.setter
    def paid(self, amount: int) -> None:
        self.next, self.skipped = amount % 2**32, amount >> 32


@dataclass
class Clock:
    """Chain time, the same for all contracts. `block` is the number of the next block, `randao`
    its randomness."""

    now: int
    epoch_seconds: int
    block: int = 1
    randao: bytes = bytes(32)

    @property
    def epoch(self) -> int:
        """The billing period that `now` is in."""
        return self.now // self.epoch_seconds


Emit = Callable[..., None]


def need(claim: bool, reason: str) -> None:
    """Refuse the call with `reason` unless `claim` holds."""
    if not claim:
        raise Refused(reason)
