"""Make before break: give the units of an assignment elsewhere before its developer drops it.

The contract never lets a deal have more units than its offer says. So there must be room: an offer
for more units than are wanted, and a target that tells this matcher how many to fill for now.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from matcher.offers.signed_wishes import dump_proof
from matcher.offers.validation import check_target
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import Conflict, Forbidden, NotFound
from wasmarket.kernel.signing.requests import SignedRequest
from wasmarket.kernel.units import Address, Hash, Timestamp
from wasmarket.store.chain.assignments import fetch_assignment
from wasmarket.store.chain.deals import fetch_deal, fetch_deal_of_offer
from wasmarket.store.chain.state import fetch_indexed
from wasmarket.store.database import Database, Session
from wasmarket.store.enums import RUNNING_STATES
from wasmarket.store.matching.offers import fetch_developer_offer, set_offer_target
from wasmarket.store.matching.replacements import (
    add_replacement,
    fetch_wishes,
    withdraw_replacement,
)
from wasmarket.store.matching.views import StoredDeveloperOffer
from wasmarket.store.views import AssignmentView, DealView, Indexed


class ReplacementStatus(StrEnum):
    """How far a replacement has come; `ready`: the old one can be dropped without a gap."""

    WANTED = "wanted"
    PLACED = "placed"
    READY = "ready"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ReplacementState:
    """A wish: the assignment to replace, its units, and how far it has come as of `block`."""

    deal: int
    assignment: int
    units: int
    status: ReplacementStatus
    block: int


class Replacements:
    """Takes developers' wishes for their deals."""

    def __init__(self, database: Database, matcher: Address, on_change: Callable[[], None]) -> None:
        """`matcher` is the account that sends matches; `on_change` hears of every wish."""
        self._database = database
        self._matcher = matcher
        self._on_change = on_change

    def request(
        self, deal: int, assignment: int, signer: Address, proof: SignedRequest
    ) -> tuple[ReplacementState, bool]:
        """Ask for a replacement; return its state and whether the wish is new.

        `proof` is the request as it was signed.

        Raises NotFound, Forbidden, Conflict when the assignment or deal is over, when another
        matcher has to refill the deal, or when the offer leaves no room.
        """
        with self._database.write() as session:
            at, view, entry = self._find(session, deal, assignment, signer)
            stored = self._offer_of(session, view)
            wishes = fetch_wishes(session, [deal]).get(deal, {})
            if assignment not in wishes:
                _check_room(view, entry, stored, frozenset(wishes))
            is_new = add_replacement(
                session, assignment, deal, Timestamp(at.timestamp), dump_proof(proof)
            )
            wishes = fetch_wishes(session, [deal])[deal]
            state = _state(view, entry, wishes, at.block)
        self._on_change()
        return state, is_new

    def withdraw(self, deal: int, assignment: int, signer: Address) -> ReplacementState:
        """Take a wish back. Raises NotFound, Forbidden."""
        with self._database.write() as session:
            at = fetch_indexed(session)
            view = fetch_deal(session, at, deal)
            _check_developer(view.developer, signer)
            entry = _assignment_of(session, at, deal, assignment)
            state = _state(view, entry, fetch_wishes(session, [deal]).get(deal, {}), at.block)
            if not withdraw_replacement(session, assignment):
                raise NotFound(f"nobody wished to replace {assignment}", field="assignment")
        self._on_change()
        return state

    def list(self, deal: int) -> tuple[list[ReplacementState], int]:
        """Return a deal's wishes by assignment, and as of which block. Raises NotFound."""
        with self._database.read() as session:
            at = fetch_indexed(session)
            view = fetch_deal(session, at, deal)
            wishes = fetch_wishes(session, [deal]).get(deal, {})
            entries = [fetch_assignment(session, at, id_) for id_ in sorted(wishes)]
        return [_state(view, entry, wishes, at.block) for entry in entries], at.block

    def set_target(
        self, offer: Hash, target: int | None, signer: Address, proof: SignedRequest
    ) -> None:
        """Say how many units of an offer to fill for now; None: all. `proof` as for `request`.

        Units that a deal has already stay. Raises NotFound, Forbidden, InvalidInput.
        """
        with self._database.write() as session:
            stored = fetch_developer_offer(session, offer)
            _check_developer(stored.offer.developer, signer)
            deal = fetch_deal_of_offer(session, fetch_indexed(session), offer)
            check_target(stored.offer, target, has_deal=deal is not None)
            set_offer_target(session, offer, target, dump_proof(proof))
        self._on_change()

    def _find(
        self, session: Session, deal: int, assignment: int, signer: Address
    ) -> tuple[Indexed, DealView, AssignmentView]:
        at = fetch_indexed(session)
        view = fetch_deal(session, at, deal)
        _check_developer(view.developer, signer)
        entry = _assignment_of(session, at, deal, assignment)
        if not entry.alive:
            raise Conflict(
                f"assignment {assignment} is over already",
                field="assignment",
                remedy="nothing to replace: what is missing is refilled by itself",
            )
        return at, view, entry

    def _offer_of(self, session: Session, deal: DealView) -> StoredDeveloperOffer:
        stored = fetch_developer_offer(session, Hash(deal.offer))
        if stored.offer.matcher not in (ZERO_ADDRESS, self._matcher):
            raise Conflict(
                f"the deal is refilled by {stored.offer.matcher}, this is {self._matcher}",
                field="deal",
                remedy="ask the matcher that the offer names",
            )
        return stored


def _assignment_of(session: Session, at: Indexed, deal: int, assignment: int) -> AssignmentView:
    entry = fetch_assignment(session, at, assignment)
    if entry.deal != deal:
        raise NotFound(f"deal {deal} has no assignment {assignment}", field="assignment")
    return entry


def _check_developer(developer: str, signer: Address) -> None:
    if developer != signer:
        raise Forbidden(
            f"it is {developer}'s, the request is signed by {signer}",
            field="Authorization",
            remedy="sign the request with the developer's account",
        )


def _check_room(
    deal: DealView,
    entry: AssignmentView,
    stored: StoredDeveloperOffer,
    wished: frozenset[int],
) -> None:
    """Refuse what the offer's units do not allow. Raises Conflict."""
    most = stored.offer.units
    promised = sum(other.units for other in deal.live if other.id in wished)
    have = sum(other.units for other in deal.live)
    free = max(0, most - max(have, (stored.target or most) + promised))
    if free < entry.units:
        raise Conflict(
            f"the offer allows {most} units, {most - free} are in use or spoken for: there is no"
            f" room for {entry.units} more beside assignment {entry.id}",
            field="assignment",
            remedy="drop it first and let it be refilled, or keep room from the start"
            " (`wasmarket deploy --spare`)",
        )


def _state(
    deal: DealView, entry: AssignmentView, wishes: dict[int, int], block: int
) -> ReplacementState:
    """Count the units that came since the wish: earlier wishes are served first."""
    status = ReplacementStatus.DONE
    if entry.alive:
        since = wishes.get(entry.id, 0)
        newer = [a for a in deal.live if a.id not in wishes and a.assigned_at >= since]
        ahead = sum(a.units for a in deal.live if a.id in wishes and a.id < entry.id)
        active = sum(a.units for a in newer if a.state in RUNNING_STATES)
        need = ahead + entry.units
        if active >= need:
            status = ReplacementStatus.READY
        elif sum(a.units for a in newer) >= need:
            status = ReplacementStatus.PLACED
        else:
            status = ReplacementStatus.WANTED
    return ReplacementState(deal.id, entry.id, entry.units, status, block)
