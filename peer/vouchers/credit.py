"""How far a metered deal is served before it is paid, and when its vouchers are redeemed. Pure.

Money is USDC base units; work as receipts count it. What a peer can lose is its credit: what was
done and is not paid on chain, signed for or not (CONTRACTS section 18).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from peer.chain_state.view import Assignment, ChainView, Deal, OnchainDealState, State
from wasmarket.kernel.billing import WORK_STEP, due
from wasmarket.kernel.units import USDC


@dataclass(frozen=True, slots=True)
class Credit:
    """What a provider grants each assignment of a metered deal."""

    credit: int = USDC
    """Most that may be owed."""
    least_redeem: int = USDC // 100
    """Less than this is not worth the gas of a redemption."""
    idle_epochs: int = 0
    """Leave after so many epochs without a call, since time is not paid; 0: never."""


USUAL_CREDIT = Credit()
NO_CREDITS: Mapping[int, int] = MappingProxyType({})


def work_limit(held: Assignment, credit: int) -> int:
    """Return from how much work on an assignment is not served until more of it is paid."""
    # The least work that costs more than paid and credit together.
    return ((held.paid + credit + 1) * WORK_STEP + held.price - 1) // held.price


def find_redeemable(
    chain_view: ChainView,
    signed: Mapping[int, int],
    done: Mapping[int, int],
    terms: Credit,
    credits: Mapping[int, int] = NO_CREDITS,
) -> tuple[int, ...]:
    """Return the assignments whose vouchers are to be redeemed now.

    `signed` and `done`: work by assignment; `credits`: what those may owe whose apps ask for less
    than the terms grant. A voucher is redeemed when half of the credit is signed
    for, when the deal or the assignment is over, and when the deal's balance falls below twice what
    it owes here.
    """
    return tuple(
        sorted(
            number
            for number, work in signed.items()
            if (held := chain_view.assignments.get(number)) is not None
            and held.state in (State.METERED, State.CLOSED)
            and _is_due(
                held,
                chain_view.deals[held.deal],
                work,
                done.get(number, 0),
                replace(terms, credit=credits.get(number, terms.credit)),
            )
        )
    )


def find_idle(
    chain_view: ChainView, last_called: Mapping[int, int], terms: Credit
) -> tuple[int, ...]:
    """Return the metered assignments that nobody called for longer than the policy bears."""
    if not terms.idle_epochs:
        return ()
    return tuple(
        number
        for number, held in chain_view.assignments.items()
        if held.state == State.METERED
        and held.alive
        and chain_view.epoch - max(held.start, last_called.get(number, 0)) > terms.idle_epochs
    )


def _is_due(held: Assignment, deal: Deal, signed: int, done: int, terms: Credit) -> bool:
    unpaid = due(signed, held.price) - held.paid
    if min(unpaid, deal.balance) < max(1, terms.least_redeem):
        return False
    owed = due(max(signed, done), held.price) - held.paid
    is_over = not held.alive or deal.status in (OnchainDealState.STOPPING, OnchainDealState.ENDED)
    return is_over or 2 * unpaid >= terms.credit or deal.balance < 2 * owed
