"""Say which assignments are to be run, and who asks. Pure."""

from collections.abc import Mapping, Sequence

from peer.chain_state.view import Assignment, ChainView, Deal, State, is_serving
from peer.policy.policy import Applicant


def find_wanted(
    assignments: Mapping[int, Assignment], deal: Deal, epoch: int
) -> dict[int, Assignment]:
    """Return the assignments that need workers in `epoch`: to be answered, or to be served."""
    return {
        number: held
        for number, held in assignments.items()
        if (held.state == State.PENDING and held.alive) or is_serving(held, deal, epoch)
    }


def build_applicant(deal: Deal, wanted: Sequence[Assignment], chain_view: ChainView) -> Applicant:
    """Return what a policy judges: all units here, and the epochs that the balance pays for.

    Of the developer's other deals those count that came first, so that of two that arrive
    together one is taken.
    """
    newest = max((held.id for held in wanted), default=0)
    rate = deal.rate + sum(held.price * held.units for held in wanted if _is_pending(held))
    return Applicant(
        developer=deal.developer,
        units=sum(held.units for held in wanted),
        is_metered=deal.is_metered,
        epochs_funded=deal.balance // rate if rate else 0,  # whole epochs only
        developer_units=sum(
            held.units
            for held in chain_view.assignments.values()
            if held.alive
            and held.deal != deal.id
            and held.id < newest
            and chain_view.deals[held.deal].developer == deal.developer
        ),
    )


def _is_pending(held: Assignment) -> bool:
    return held.state == State.PENDING
