"""The formulas of money that readers share with the contracts (CONTRACTS sections 4, 5 and 9).

Everything is an integer of USDC base units. The contracts decide; these functions say the same
beforehand.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

SHARE_ONE = 65_536
"""An epoch in parts; `skipped` counts the parts missed."""

NO_END = 2**32 - 1
"""`end` of a deal that runs until it is stopped."""

MAX_CLAIM = 1_024
"""Most epochs of one assignment that one claim covers."""


WORK_STEP = 10**12
"""The work that a metered price is for."""

MAX_PAID = 2**48 - 1
"""Most that one assignment of a metered deal is ever paid, USDC base units."""

METERED_NOTICE = 3
"""Epochs after its end in which the money of a metered deal stays for vouchers."""


class DealStatus(StrEnum):
    """What a deal is, derived and never stored (CONTRACTS section 9)."""

    WAITING = "waiting"
    RUNNING = "running"
    LAPSED = "lapsed"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class DealTerms:
    """The billing half of a deal's record; epochs are absolute. A metered deal has rate 0."""

    balance: int
    rate: int
    settled: int
    end: int
    units: int
    run: int
    stopped: bool
    metered: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """A deal after settling; `lapsed_at` is the last funded epoch if a run lapsed by it."""

    terms: DealTerms
    lapsed_at: int | None


def settle(deal: DealTerms, epoch: int) -> Settlement:
    """Bill every epoch begun up to `epoch`, as Market does on touch (CONTRACTS section 4)."""
    until = min(epoch, deal.end)
    if until <= deal.settled:
        return Settlement(deal, None)
    if deal.rate == 0:
        return Settlement(replace(deal, settled=until), None)
    begun = until - deal.settled
    paid = min(begun, deal.balance // deal.rate)  # whole epochs only
    balance = deal.balance - paid * deal.rate
    if paid == begun:
        return Settlement(replace(deal, balance=balance, settled=until), None)
    lapsed = replace(deal, balance=balance, settled=until, rate=0, units=0, run=deal.run + 1)
    return Settlement(lapsed, deal.settled + paid)


def status(settled: DealTerms, epoch: int) -> DealStatus:
    """Return the status of a deal that was settled at `epoch`."""
    if epoch > settled.end:
        return DealStatus.ENDED
    if settled.stopped:
        return DealStatus.STOPPING
    if settled.metered:
        if settled.units == 0:
            return DealStatus.WAITING
        return DealStatus.RUNNING if settled.balance else DealStatus.LAPSED
    if settled.run > 0 and settled.units == 0 and settled.rate == 0:
        return DealStatus.LAPSED
    return DealStatus.RUNNING if settled.rate > 0 else DealStatus.WAITING


def runway(settled: DealTerms) -> int:
    """Return how many further epochs the balance pays for; 0 when nothing runs."""
    return settled.balance // settled.rate if settled.rate else 0


def last_funded(settled: DealTerms, epoch: int) -> int:
    """Return the last epoch that a settled, running deal pays for."""
    return min(settled.end, epoch + runway(settled))


def due(work: int, price: int) -> int:
    """Return what so much work costs in all at a price per 10^12, rounded down for the developer.

    Rounded once in the life of an assignment, because work only adds up (LAW 4).
    """
    return min(work * price // WORK_STEP, MAX_PAID)


def skipped_part(timestamp: int, epoch_seconds: int) -> int:
    """Return how much of an epoch is gone, in 1/65,536, rounded down for the provider."""
    return (timestamp % epoch_seconds) * SHARE_ONE // epoch_seconds


def share(rate: int, skipped: int) -> int:
    """Return the pay for the rest of an epoch, rounded down for the developer."""
    return rate * (SHARE_ONE - skipped) // SHARE_ONE
