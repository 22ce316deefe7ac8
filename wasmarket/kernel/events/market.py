"""What Market announces."""

from wasmarket.kernel.events.event import Event
from wasmarket.kernel.units import Address, Hash


class Deposited(Event, frozen=True, gc=False):
    """Market: an account put money into its free balance."""

    account: Address
    amount: int
    free: int


class Withdrawn(Event, frozen=True, gc=False):
    """Market: an account took free money out."""

    account: Address
    to: Address
    amount: int
    free: int


class PeerRegistered(Event, frozen=True, gc=False):
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


class PeerUnits(Event, frozen=True, gc=False):
    """Market: a provider changed how many units a peer sells."""

    peer: int
    units: int


class PeerWallet(Event, frozen=True, gc=False):
    """Market: a provider changed a peer's hot key."""

    peer: int
    wallet: Address


class PeerEndpoint(Event, frozen=True, gc=False):
    """Market: a provider changed where a peer is reached."""

    peer: int
    endpoint: str


class OfferPublished(Event, frozen=True, gc=False):
    """Market: an account approved an offer's hash and broadcast its bytes."""

    account: Address
    hash: Hash
    data: bytes


class OfferCancelled(Event, frozen=True, gc=False):
    """Market: an account cancelled one of its offers for good."""

    account: Address
    hash: Hash


class CounterBumped(Event, frozen=True, gc=False):
    """Market: an account withdrew all its older offers at once."""

    account: Address
    counter: int


class FillSkipped(Event, frozen=True, gc=False):
    """Market: a fill of a match was refused, with its reason."""

    deal: int
    peer: int
    reason: int


class Assigned(Event, frozen=True, gc=False):
    """Market: units of a peer were given to a deal; `offer` is the provider offer's hash."""

    assignment: int
    deal: int
    peer: int
    units: int
    price: int
    offer: Hash


class DealCreated(Event, frozen=True, gc=False):
    """Market: a developer offer became a deal."""

    deal: int
    developer: Address
    offer: Hash
    app: Hash
    deposit: int
    end: int
    meter: Address


class Matched(Event, frozen=True, gc=False):
    """Market: a match or refill is complete; `units` are the deal's units now."""

    deal: int
    caller: Address
    units: int
    tip: int


class Activated(Event, frozen=True, gc=False):
    """Market: a peer began to run an assignment."""

    assignment: int
    deal: int
    epoch: int
    skipped: int
    balance: int
    rate: int


class Ended(Event, frozen=True, gc=False):
    """Market: an assignment ended; `kind` is an EndKind."""

    assignment: int
    deal: int
    peer: int
    end: int
    kind: int
    why: int
    balance: int
    rate: int


class Skipped(Event, frozen=True, gc=False):
    """Market, Meter: a batch left one assignment out, with its reason."""

    assignment: int
    reason: int


class Claimed(Event, frozen=True, gc=False):
    """Market: final epochs up to `last` were paid to the provider or refunded to the developer."""

    assignment: int
    provider: Address
    last: int
    paid: int
    refunded: int


class Lapsed(Event, frozen=True, gc=False):
    """Market: a run of funded epochs ended; `last` was its last funded epoch."""

    deal: int
    run: int
    last: int
    balance: int


class DealBalance(Event, frozen=True, gc=False):
    """Market: a deal was topped up or money was taken from it."""

    deal: int
    by: Address
    balance: int


class Stopped(Event, frozen=True, gc=False):
    """Market: the developer stopped the deal."""

    deal: int
    end: int
    returned: int


class AppChanged(Event, frozen=True, gc=False):
    """Market: the developer updated the deal's app."""

    deal: int
    app: Hash


class Paused(Event, frozen=True, gc=False):
    """Market: new matches were paused or allowed again."""

    paused: bool


class OwnershipOffered(Event, frozen=True, gc=False):
    """Market: the admin offered ownership."""

    next_owner: Address


class OwnershipTransferred(Event, frozen=True, gc=False):
    """Market: ownership was accepted."""

    owner: Address
