"""What MarketLens and Staking answer, as values."""

from dataclasses import dataclass

from wasmarket.kernel.units import Address


@dataclass(frozen=True, slots=True)
class OnchainDeal:
    """A deal, settled. `status` 1 waiting, 2 running, 3 lapsed, 4 stopping, 5 ended, 0 unknown."""

    developer: Address
    balance: int
    rate: int
    settled: int
    end: int
    units: int
    run: int
    stopped: bool
    status: int
    runway: int
    last_funded: int


@dataclass(frozen=True, slots=True)
class OnchainAssignment:
    """An assignment with what a claim would give now (USDC base units).

    `next` is the first unclaimed epoch; while pending the block of the match; of a metered one what
    vouchers have paid. `state` is an AssignmentCode.
    """

    deal: int
    peer: int
    units: int
    price: int
    start: int
    next: int
    state: int
    alive: bool
    end_of: int
    paid: int
    refund: int


@dataclass(frozen=True, slots=True)
class OnchainPeer:
    """A peer: capacity, place, wallet and traits."""

    provider: Address
    units: int
    used: int
    memory_mib: int
    region: int
    wallet: Address
    traits: int


@dataclass(frozen=True, slots=True)
class OnchainStake:
    """A provider's stake, FLT base units; `leaving` is withdrawable from second `ready` on."""

    free: int
    locked: int
    leaving: int
    ready: int
