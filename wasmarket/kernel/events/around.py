"""What the contracts around Market announce: Staking, Proofs, Meter."""

from dataclasses import dataclass

from wasmarket.kernel.events.event import Event
from wasmarket.kernel.units import Address, Hash


@dataclass(frozen=True, slots=True)
class Stake(Event):
    """Staking: a provider's stake changed."""

    provider: Address
    free: int
    locked: int


@dataclass(frozen=True, slots=True)
class Leaving(Event):
    """Staking: a provider's leaving stake changed; withdrawable from `ready` on."""

    provider: Address
    amount: int
    ready: int


@dataclass(frozen=True, slots=True)
class Committed(Event):
    """Proofs: a peer committed an epoch."""

    peer: int
    epoch: int
    root: Hash


@dataclass(frozen=True, slots=True)
class Redeemed(Event):
    """Meter: a voucher was paid; `paid` now, `owed` still, `balance` is the deal's."""

    assignment: int
    deal: int
    work: int
    paid: int
    owed: int
    balance: int
