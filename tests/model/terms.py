"""Name what the law speaks of: parameters, offers, records, refusals and events.

Money is an integer of token base units, time a Unix second, an address a string, and an offer's key
whatever `key_of` makes of it. The model never sees a signature, only who signed.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

Address = str
Key = Hashable

ZERO = "0x" + 40 * "0"
FOREVER = 2**32 - 1
FULL = 65_536

PENDING, ACTIVE, ENDED = 1, 2, 3
LEFT, DROPPED, EVICTED, RELEASED = 1, 2, 3, 4
WAITING, RUNNING, LAPSED, STOPPING, OVER = 1, 2, 3, 4, 5

MAX_LIVE = 64
MAX_RUN = 255
MAX_CLAIM = 1_024


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
    leaving_delay: int = 180


@dataclass(frozen=True)
class ProviderOffer:
    """The ask: this peer sells units at this price per unit and epoch."""

    peer: int
    price: int
    developer: Address = ZERO
    valid_until: int = 2**64
    counter: int = 0
    salt: int = 0


@dataclass(frozen=True)
class DeveloperOffer:
    """The bid: this app wants units on peers like this, at most at this price."""

    developer: Address
    app: bytes
    min_units: int
    units: int
    max_units_per_provider: int
    min_regions: int
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


@dataclass
class Assignment:
    """Units of one peer given to one deal. Epochs `next` and later are not claimed yet."""

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


@dataclass
class Clock:
    """Chain time, the same for all contracts."""

    now: int
    epoch_seconds: int

    @property
    def epoch(self) -> int:
        """The billing period that `now` is in."""
        return self.now // self.epoch_seconds


Emit = Callable[..., None]


def need(claim: bool, reason: str) -> None:
    """Refuse the call with `reason` unless `claim` holds."""
    if not claim:
        raise Refused(reason)
