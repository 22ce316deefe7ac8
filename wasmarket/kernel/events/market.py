"""What Market announces."""

from dataclasses import dataclass

from wasmarket.kernel.events.event import Event
from wasmarket.kernel.units import Address, Hash


@dataclass(frozen=True, slots=True)
class Deposited(Event):
    """Market: an account put money into its free balance."""

    account: Address
    amount: int
    free: int


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """Market: an account took free money out."""

    account: Address
    to: Address
    amount: int
    free: int


@dataclass(frozen=True, slots=True)
class PeerRegistered(Event):
    """Market: a provider registered a peer and locked its bond."""

    peer: int
    provider: Address
    key: Hash
    units: int
    memory_mib: int
    region: int
    traits: int
    wallet: Address
    endpoint: str


@dataclass(frozen=True, slots=True)
class PeerUnits(Event):
    """Market: a provider changed how many units a peer sells."""

    peer: int
    units: int


@dataclass(frozen=True, slots=True)
class PeerWallet(Event):
    """Market: a provider changed a peer's hot key."""

    peer: int
    wallet: Address


@dataclass(frozen=True, slots=True)
class PeerEndpoint(Event):
    """Market: a provider changed where a peer is reached."""

    peer: int
    endpoint: str


@dataclass(frozen=True, slots=True)
class OfferPublished(Event):
    """Market: an account approved an offer's hash and broadcast its bytes."""

    account: Address
    hash: Hash
    data: bytes


@dataclass(frozen=True, slots=True)
class OfferCancelled(Event):
    """Market: an account cancelled one of its offers for good."""

    account: Address
    hash: Hash


@dataclass(frozen=True, slots=True)
class CounterBumped(Event):
    """Market: an account withdrew all its older offers at once."""

    account: Address
    counter: int


@dataclass(frozen=True, slots=True)
class FillSkipped(Event):
    """Market: a fill of a match was refused, with its reason."""

    deal: int
    peer: int
    reason: int


@dataclass(frozen=True, slots=True)
class Assigned(Event):
    """Market: units of a peer were given to a deal; `offer` is the provider offer's hash."""

    assignment: int
    deal: int
    peer: int
    units: int
    price: int
    offer: Hash


@dataclass(frozen=True, slots=True)
class DealCreated(Event):
    """Market: a developer offer became a deal."""

    deal: int
    developer: Address
    offer: Hash
    app: Hash
    deposit: int
    end: int
    meter: Address


@dataclass(frozen=True, slots=True)
class Matched(Event):
    """Market: a match or refill is complete; `units` are the deal's units now."""

    deal: int
    caller: Address
    units: int
    tip: int


@dataclass(frozen=True, slots=True)
class Activated(Event):
    """Market: a peer began to run an assignment."""

    assignment: int
    deal: int
    epoch: int
    skipped: int
    balance: int
    rate: int


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """Market: an assignment ended; `kind` is an EndKind."""

    assignment: int
    deal: int
    peer: int
    end: int
    kind: int
    why: int
    balance: int
    rate: int


@dataclass(frozen=True, slots=True)
class Skipped(Event):
    """Market, Meter: a batch left one assignment out, with its reason."""

    assignment: int
    reason: int


@dataclass(frozen=True, slots=True)
class Claimed(Event):
    """Market: final epochs up to `last` were paid to the provider or refunded to the developer."""

    assignment: int
    provider: Address
    last: int
    paid: int
    refunded: int


@dataclass(frozen=True, slots=True)
class Lapsed(Event):
    """Market: a run of funded epochs ended; `last` was its last funded epoch."""

    deal: int
    run: int
    last: int
    balance: int


@dataclass(frozen=True, slots=True)
class DealBalance(Event):
    """Market: a deal was topped up or money was taken from it."""

    deal: int
    by: Address
    balance: int


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """Market: the developer stopped the deal."""

    deal: int
    end: int
    returned: int


@dataclass(frozen=True, slots=True)
class AppChanged(Event):
    """Market: the developer updated the deal's app."""

    deal: int
    app: Hash


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Market: new matches were paused or allowed again."""

    paused: bool


@dataclass(frozen=True, slots=True)
class OwnershipOffered(Event):
    """Market: the admin offered ownership."""

    next_owner: Address


@dataclass(frozen=True, slots=True)
class OwnershipTransferred(Event):
    """Market: ownership was accepted."""

    owner: Address
