"""Say which assignments are to be run, and who asks. Pure."""

from collections.abc import Mapping, Sequence

from peer.market.standing import Assignment, Deal, State, is_serving
from peer.policy import Applicant


def find_wanted(
    assignments: Mapping[int, Assignment], deal: Deal, epoch: int
) -> dict[int, Assignment]:
    """Return the assignments that need workers in `epoch`: to be answered, or to be served."""
    return {
        number: held
        for number, held in assignments.items()
        if (held.state == State.PENDING and held.alive) or is_serving(held, deal, epoch)
    }


def build_applicant(deal: Deal, wanted: Sequence[Assignment]) -> Applicant:
    """Return what a policy judges: all units here, and the epochs that the balance pays for."""
    rate = deal.rate + sum(held.price * held.units for held in wanted if _is_pending(held))
    return Applicant(
        developer=deal.developer,
        units=sum(held.units for held in wanted),
        epochs_funded=deal.balance // rate if rate else 0,  # whole epochs only
    )


def _is_pending(held: Assignment) -> bool:
    return held.state == State.PENDING
