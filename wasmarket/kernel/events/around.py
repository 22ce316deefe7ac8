"""What the contracts around Market announce: Staking, Proofs, Meter."""

from wasmarket.kernel.events.event import Event
from wasmarket.kernel.units import Address, Hash


class Stake(Event, frozen=True, gc=False):
    """Staking: a provider's stake changed."""

    provider: Address
    free: int
    locked: int


class Leaving(Event, frozen=True, gc=False):
    """Staking: a provider's leaving stake changed; withdrawable from `ready` on."""

    provider: Address
    amount: int
    ready: int


class Committed(Event, frozen=True, gc=False):
    """Proofs: a peer committed an epoch."""

    peer: int
    epoch: int
    root: Hash


class Redeemed(Event, frozen=True, gc=False):
    """Meter: a voucher was paid; `paid` now, `owed` still, `balance` is the deal's."""

    assignment: int
    deal: int
    work: int
    paid: int
    owed: int
    balance: int
